"""True boxes, overlaps of boxes and of line ranges, and blendness."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cubefocus.errors import CubefocusError
from cubefocus.sky.emission import Window


def true_boxes(
    windows: Sequence[Window], images: Sequence[np.ndarray], whole: np.ndarray, level: float, reference: str = "image"
) -> np.ndarray:
    """Smallest boxes around the pixels where each source's own integrated image is bright enough.

    Parameters
    ----------
    windows : sequence of (slice, slice)
        Rows and columns of the whole image that each source's image covers.
    images : sequence of ndarray
        Noise-free integrated image of each source alone, in its window.
    whole : ndarray, shape (y, x)
        Noise-free integrated image of all sources.
    level : float
        Threshold as a share of the reference's maximum.
    reference : str
        ``image``: the maximum of the whole image; ``source``: that of the source's own.

    Returns
    -------
    ndarray of int, shape (n, 4)
        Half-open boxes (x0, y0, x1, y1) in pixels. A source that is nowhere bright enough keeps its brightest
        pixel, which is what the box of a slightly brighter one shrinks to.

    Raises
    ------
    CubefocusError
        If the reference is neither of the two.
    """
    if reference not in ("image", "source"):
        raise CubefocusError(f"sky: box_reference is {reference!r}; it must be image or source")
    boxes = np.zeros((len(images), 4), dtype=int)
    for number, (window, image) in enumerate(zip(windows, images, strict=True)):
        peak = image.max()
        threshold = level * (whole.max() if reference == "image" else peak)
        bright = image >= min(threshold, peak)
        boxes[number] = bounding_box(bright) + np.tile([window[1].start, window[0].start], 2)
    return boxes


def bounding_box(mask: np.ndarray) -> np.ndarray:
    """Smallest half-open box (x0, y0, x1, y1) around the pixels that are set; at least one has to be."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
