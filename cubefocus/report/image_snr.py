"""One SNR for the detections of every method, whatever each calls its own."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from astropy.table import Table

from cubefocus.stats.noise import background
from cubefocus.tables.columns import BOX, columns, cube_ids

SNR = "snr_image"
LEAST = 1.0  # what is below the noise counts as that: the bins are logarithmic


def with_image_snr(table: Table, images: Mapping[int, np.ndarray]) -> Table:
    """A copy of detections with the column ``snr_image``: brightest pixel in the box over the noise of the image.

    Parameters
    ----------
    table : astropy.table.Table
        With cube_id, x0, y0, x1, y1.
    images : mapping from cube id to ndarray, shape (y, x)
        Integrated images that the detections are in; NaN or exactly 0 is no data.

    Returns
    -------
    astropy.table.Table
        The noise is 1.4826 times the median absolute deviation, so that the dirty beam's sidelobes are part of it;
        brightness counts from the median. At least `LEAST`; NaN where the box is outside the image.
    """
    result = table.copy()
    snr = np.full(len(table), np.nan)
    cubes, boxes = cube_ids(table), columns(table, BOX)
    for cube in np.unique(cubes):
        image = np.where(images[cube] == 0, np.nan, images[cube])
        level, noise = background(image[np.isfinite(image)])
        for row in np.flatnonzero(cubes == cube):
            x0, y0, x1, y1 = np.maximum(boxes[row], 0).astype(int)
            inside = image[y0:y1, x0:x1]
            if np.isfinite(inside).any() and noise > 0:
                snr[row] = max((float(np.nanmax(inside)) - level) / noise, LEAST)
    result[SNR] = snr
    return result
