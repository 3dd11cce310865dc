"""The trivial baseline: pixels of the dirty integrated image above a threshold in units of its noise."""

from __future__ import annotations

import numpy as np
from astropy.table import Table
from scipy import ndimage

from cubefocus.errors import CubefocusError
from cubefocus.find.interface import COLUMNS, EIGHT_CONNECTED, Parameters, empty_detections, numbers
from cubefocus.stats.noise import background

PARAMETERS = {"threshold": 5.0, "min_pixels": 1}
GRID = {"threshold": (3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 15.0, 20.0), "min_pixels": (1, 5, 10, 20, 40, 80)}


def find(image: np.ndarray, parameters: Parameters = PARAMETERS) -> Table:
    """Label what stands out of the noise of an image; a `cubefocus.find.interface.Finder`.

    Parameters
    ----------
    image : ndarray, shape (y, x)
    parameters : mapping
        ``threshold``: in units of the noise above the median. ``min_pixels``: smallest source.

    Returns
    -------
    astropy.table.Table
        One row an island of 8-connected pixels.

    Raises
    ------
    CubefocusError
        If the image has no noise to measure.
    """
    values = numbers("threshold", parameters, PARAMETERS, {"min_pixels": 1})
    valid = np.isfinite(image) & (image != 0)
    if not valid.any():
        return empty_detections()
    level, noise = background(image[valid])
    if noise == 0:
        raise CubefocusError("the image has no noise, in units of which the threshold is; give a dirty image")
    above = np.where(valid, image, -np.inf) > level + values["threshold"] * noise
    return _measure(image, level, noise, above, int(values["min_pixels"]))


def _measure(image: np.ndarray, level: float, noise: float, above: np.ndarray, min_pixels: int) -> Table:
    labels, _ = ndimage.label(above, EIGHT_CONNECTED)
    rows = []
    for number, window in enumerate(ndimage.find_objects(labels), start=1):
        inside = labels[window] == number
        if inside.sum() >= min_pixels:
            rows.append(_row(image[window].astype(float), inside, window, level, noise))
    return Table(rows=rows, names=list(COLUMNS)) if rows else empty_detections()


def _row(
    patch: np.ndarray, inside: np.ndarray, window: tuple[slice, slice], level: float, noise: float
) -> tuple[int | float, ...]:
    weights = np.where(inside, patch - level, 0.0)
    y, x = np.indices(patch.shape)
    peak, flux = weights.max(), weights.sum()
    top, left = window[0].start, window[1].start
    centre = left + (x * weights).sum() / flux, top + (y * weights).sum() / flux
    return left, top, window[1].stop, window[0].stop, *centre, peak, flux, peak / noise
