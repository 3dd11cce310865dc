"""Images and cubes of a search: significance, labels of the sources, and moments of what belongs to them."""

from __future__ import annotations

from typing import Any

import numpy as np

from cubefocus.alma.catalogue import rest_frequency_of
from cubefocus.alma.fitted import KM_S
from cubefocus.cube.cube import Cube
from cubefocus.search.bank import LEAST_CHANNELS
from cubefocus.search.run import SearchedCube


def fill_mask(found: SearchedCube, onto: Any) -> None:
    """Write the candidate_id of the sources of a cube into their voxels, (channel, y, x), of an array of 0."""
    for number in _islands_of(found):
        window = found.islands.windows[number]
        # Islands may reach into each other's windows.
        others = np.zeros(tuple(part.stop - part.start for part in window), dtype=np.int32)
        for other in _islands_of(found):
            if all(
                a.start < b.stop and b.start < a.stop for a, b in zip(window, found.islands.windows[other], strict=True)
            ):
                place = found.islands.places[other] - np.array([part.start for part in window], dtype=np.int32)[:, None]
                inside = ((place >= 0) & (place < np.array(others.shape)[:, None])).all(axis=0)
                others[tuple(place[:, inside])] = other + 1
        onto[window] = others


def _islands_of(found: SearchedCube) -> list[int]:
    """Numbers of the islands of the sources, from 0, each once: an island may hold several sources."""
    return [number - 1 for number in sorted({int(number) for number in found.catalogue["candidate_id"]})]


def maps_of(
    cube: Cube, found: SearchedCube, rest_frequency_ghz: float | None = None
) -> dict[str, tuple[np.ndarray, str]]:
    """Images of a search by name, each with its unit.

    Parameters
    ----------
    cube : Cube
    found : SearchedCube
    rest_frequency_ghz : float, optional
        Of the line; that of the header if left out.

    Returns
    -------
    dict of str to (ndarray, str)
        Of cubes with a spectrum, shape (y, x), NaN outside all sources: ``moment0`` (Jy/beam km/s), ``moment1`` (radio
        velocity in km/s, or GHz where no rest frequency is known), ``moment2`` (standard deviation, km/s), ``peak``
        (Jy/beam).
    """
    if len(cube.data) < LEAST_CHANNELS:
        return {}
    ghz = cube.frequencies_hz / 1e9
    rest = rest_frequency_ghz or rest_frequency_of(cube)
    kms = KM_S * np.abs(np.gradient(ghz)) / ghz
    axis = KM_S * (1.0 - ghz / rest) if rest else ghz
    # Sums over the voxels of the sources, island by island: of all, of them times the axis, and of what is positive.
    sums, peak = np.zeros((5, *cube.data.shape[1:])), np.full(cube.data.shape[1:], -np.inf)
    for number in _islands_of(found):
        window = channels, rows, columns = found.islands.windows[number]
        values = cube.data[window]
        held = found.islands.mask(number) & np.isfinite(values)
        peak[rows, columns] = np.maximum(peak[rows, columns], np.where(held, values, -np.inf).max(axis=0))
        values = np.where(held, values, 0.0).astype(np.float64)
        # What is negative in the noise has no place in a second moment.
        above, weight, at = np.maximum(values, 0.0), kms[channels], axis[channels]
        sums[:, rows, columns] += np.stack(
            [np.tensordot(factor, what, axes=1) for factor, what in
             ((weight, values), (at * weight, values), (weight, above), (at * weight, above), (at**2 * weight, above))]
        )  # fmt: skip
    inside = np.isfinite(peak)
    total, weighted, weight, along, square = sums
    with np.errstate(invalid="ignore", divide="ignore"):
        first, middle = weighted / total, along / weight
        spread = np.sqrt(np.maximum(square / weight - middle**2, 0.0))
    second = spread if rest else spread / float(np.median(ghz)) * KM_S
    maps: dict[str, tuple[np.ndarray, str]] = {}
    for name, image, unit in (
        ("moment0", total, "Jy/beam km/s"), ("moment1", first, "km/s" if rest else "GHz"), ("moment2", second, "km/s"),
        ("peak", peak, "Jy/beam"),
    ):  # fmt: skip
        maps[name] = (np.where(inside, image, np.nan), unit)
    return maps
