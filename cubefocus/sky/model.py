"""Sky cubes: the sum of all sources of a cube, scaled to the observation's brightness."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from astropy.table import Table

from cubefocus.errors import CubefocusError
from cubefocus.instrument.observation import Observation, draw_observation
from cubefocus.sky.columns import Source, as_sources
from cubefocus.sky.emission import Emission, Frame
from cubefocus.sky.registry import SKY_TYPES


def emission(source: Source, frame: Frame) -> Emission:
    """What one source emits on a grid, before scaling.

    Raises
    ------
    CubefocusError
        If its sky type is unknown or its centre lies outside the image.
    """
    kind = SKY_TYPES.get(source["type"])
    if kind is None:
        raise CubefocusError(f"sky type {source['type']!r} is unknown; known are {', '.join(SKY_TYPES)}")
    if not (0 <= source["x"] <= frame.n_pixels - 1 and 0 <= source["y"] <= frame.n_pixels - 1):
        raise CubefocusError(
            f"the source at x = {source['x']}, y = {source['y']} lies outside an image of {frame.n_pixels} pixels; "
            "draw the catalogue for this observation"
        )
    return kind.emission(source, frame)


def emissions(rows: Table, observation: Observation) -> list[Emission]:
    """What the sources of one cube emit, in the order of its rows, before scaling."""
    frame = Frame.of(observation)
    return [emission(source, frame) for source in as_sources(rows)]


def sky_cube(rows: Table, observation: Observation) -> np.ndarray:
    """Sky cube of the sources of one cube (MNRAS Eq. 3 and 4).

    Parameters
    ----------
    rows : Table
        The cube's rows of the catalogue; none for an empty field.
    observation : Observation

    Returns
    -------
    ndarray of float32, shape (channel, y, x)
        Jy/pixel; the brightest voxel is ``observation.inbright``, unless there is no source.
    """
    return _scaled_cube(emissions(rows, observation), observation)


def sky_of(truth: Table, cube_id: int, observations: Sequence[Observation]) -> np.ndarray:
    """Sky cube of one of the cubes of a truth table, made again: Jy/pixel, shape (channel, y, x).

    Raises
    ------
    CubefocusError
        If the table does not list this cube.
    """
    seeds = {cube["cube_id"]: cube["noise_seed"] for cube in truth.meta["cubes"]}
    if cube_id not in seeds:
        raise CubefocusError(f"the truth table has no cube {cube_id}; make it and its cubes again")
    return sky_cube(truth[truth["cube_id"] == cube_id], draw_observation(observations, seeds[cube_id]))


def source_cube(row: Table.Row | Mapping[str, Any], observation: Observation, scale: float | None = None) -> np.ndarray:
    """Cube of one source alone.

    Parameters
    ----------
    row : Table.Row or mapping
        A row of the catalogue, or its values by column name.
    observation : Observation
    scale : float, optional
        Factor from catalogue amplitudes to Jy/pixel, such as `cube_scale` gives; without it the source's own
        brightest voxel becomes ``observation.inbright``.

    Returns
    -------
    ndarray of float32, shape (channel, y, x)
        Jy/pixel.
    """
    source = dict(row) if isinstance(row, Mapping) else as_sources(row.table[row.index : row.index + 1])[0]
    return _scaled_cube([emission(source, Frame.of(observation))], observation, scale)


def _scaled_cube(parts: list[Emission], observation: Observation, scale: float | None = None) -> np.ndarray:
    shape = observation.n_channels, observation.n_pixels, observation.n_pixels
    cube = np.zeros(shape, dtype=np.float32)
    for part in parts:
        part.add_to(cube)
    peak = float(cube.max()) if scale is None else 0.0
    factor = observation.inbright / peak if peak > 0 else scale
    if factor is not None:
        cube *= np.float32(factor)
    return cube


def integrated_images(parts: list[Emission], n_pixels: int) -> np.ndarray:
    """Sum of all sources of a cube over all channels, without making the cube.

    Parameters
    ----------
    parts : list of Emission
        As made by `emissions`.
    n_pixels : int
        Side of the image.

    Returns
    -------
    ndarray, shape (n_pixels, n_pixels)
        Unscaled (amplitudes of the catalogue times channels).
    """
    image = np.zeros((n_pixels, n_pixels))
    for part in parts:
        image[part.window] += part.integrated()
    return image


def cube_scale(parts: list[Emission], sky: np.ndarray) -> float:
    """Factor from catalogue amplitudes to the Jy/pixel of a sky cube, read at its brightest voxel.

    Raises
    ------
    CubefocusError
        If the sources emit nothing there: the cube does not belong to them.
    """
    voxel = np.unravel_index(int(np.argmax(sky)), sky.shape)
    total = sum(part.at(*(int(index) for index in voxel)) for part in parts)
    if total <= 0 or sky[voxel] <= 0:
        raise CubefocusError(
            f"the sky cube's brightest voxel {tuple(int(i) for i in voxel)} lies in none of the sources"
        )
    return float(sky[voxel]) / total
