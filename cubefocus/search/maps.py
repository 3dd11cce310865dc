"""Images and cubes of a search: significance, labels of the sources, and moments of what belongs to them."""

from __future__ import annotations

import numpy as np

from cubefocus.alma.catalogue import rest_frequency_of
from cubefocus.alma.fitted import KM_S
from cubefocus.cube.cube import Cube
from cubefocus.search.bank import LEAST_CHANNELS
from cubefocus.search.run import SearchedCube


def maps_of(
    cube: Cube, found: SearchedCube, rest_frequency_ghz: float | None = None
) -> dict[str, tuple[np.ndarray, str]]:
    """Maps of a search by name, each with its unit.

    Parameters
    ----------
    cube : Cube
    found : SearchedCube
    rest_frequency_ghz : float, optional
        Of the line; that of the header if left out.

    Returns
    -------
    dict of str to (ndarray, str)
        ``snr``, shape (channel, y, x): signal-to-noise of the best template, negative where what is below the noise
        stands out more. ``mask``, shape (channel, y, x): candidate_id of the sources, 0 elsewhere. Of cubes with a
        spectrum, shape (y, x), NaN outside all sources: ``moment0`` (Jy/beam km/s), ``moment1`` (radio velocity in
        km/s, or GHz where no rest frequency is known), ``moment2`` (standard deviation, km/s), ``peak`` (Jy/beam).
    """
    up, down = found.significance.positive, found.significance.negative
    numbers = np.asarray(found.catalogue["candidate_id"], dtype=np.int32)
    mask = np.where(np.isin(found.islands.labels, numbers), found.islands.labels, 0)
    maps: dict[str, tuple[np.ndarray, str]] = {"snr": (np.where(up >= down, up, -down), ""), "mask": (mask, "")}
    if len(cube.data) < LEAST_CHANNELS:
        return maps
    ghz = cube.frequencies_hz / 1e9
    rest = rest_frequency_ghz or rest_frequency_of(cube)
    kms = KM_S * np.abs(np.gradient(ghz)) / ghz
    axis = KM_S * (1.0 - ghz / rest) if rest else ghz
    held = (mask > 0) & np.isfinite(cube.data)
    values = np.where(held, cube.data, 0.0).astype(np.float64)
    inside = held.any(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        total = np.tensordot(kms, values, axes=1)
        first = np.tensordot(axis * kms, values, axes=1) / total
        # What is negative in the noise has no place in a second moment.
        above = np.maximum(values, 0.0)
        weight = np.tensordot(kms, above, axes=1)
        middle = np.tensordot(axis * kms, above, axes=1) / weight
        spread = np.sqrt(np.maximum(np.tensordot(axis**2 * kms, above, axes=1) / weight - middle**2, 0.0))
    second = spread if rest else spread / float(np.median(ghz)) * KM_S
    peak = np.where(held, cube.data, -np.inf).max(axis=0)
    for name, image, unit in (
        ("moment0", total, "Jy/beam km/s"), ("moment1", first, "km/s" if rest else "GHz"), ("moment2", second, "km/s"),
        ("peak", peak, "Jy/beam"),
    ):  # fmt: skip
        maps[name] = (np.where(inside, image, np.nan), unit)
    return maps
