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


def iou_2d(boxes_a: np.ndarray, boxes_b: np.ndarray) -> np.ndarray:
    """Intersection over union of each box of one set with each of another.

    Parameters
    ----------
    boxes_a, boxes_b : ndarray, shapes (n, 4) and (m, 4)
        Half-open boxes (x0, y0, x1, y1).

    Returns
    -------
    ndarray, shape (n, m)
        0 to 1; 0 for an empty box.
    """
    a, b = _columns(boxes_a, 4)[:, np.newaxis], _columns(boxes_b, 4)[np.newaxis]
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    shared = np.prod(np.maximum(sides, 0.0), axis=-1)
    areas = [np.prod(np.maximum(boxes[..., 2:] - boxes[..., :2], 0.0), axis=-1) for boxes in (a, b)]
    return _ratio(shared, areas[0] + areas[1] - shared)


def iou_1d(ranges_a: np.ndarray, ranges_b: np.ndarray) -> np.ndarray:
    """Intersection over union of each line range of one set with each of another.

    Parameters
    ----------
    ranges_a, ranges_b : ndarray, shapes (n, 2) and (m, 2)
        Ranges [z0, z1] in channels.

    Returns
    -------
    ndarray, shape (n, m)
        0 to 1; 0 for an empty range.
    """
    a, b = _columns(ranges_a, 2)[:, np.newaxis], _columns(ranges_b, 2)[np.newaxis]
    shared = np.maximum(np.minimum(a[..., 1], b[..., 1]) - np.maximum(a[..., 0], b[..., 0]), 0.0)
    lengths = [np.maximum(ranges[..., 1] - ranges[..., 0], 0.0) for ranges in (a, b)]
    return _ratio(shared, lengths[0] + lengths[1] - shared)


def blendness(boxes: np.ndarray) -> np.ndarray:
    """Largest IoU of each box with another one of the same cube (MNRAS Eq. 22).

    Parameters
    ----------
    boxes : ndarray, shape (n, 4)
        Half-open boxes (x0, y0, x1, y1).

    Returns
    -------
    ndarray, shape (n,)
        0 for a source that is alone.
    """
    overlaps = iou_2d(boxes, boxes)
    np.fill_diagonal(overlaps, 0.0)
    return overlaps.max(axis=1, initial=0.0)


def _columns(values: np.ndarray, width: int) -> np.ndarray:
    return np.asarray(values, dtype=float).reshape(-1, width)


def _ratio(shared: np.ndarray, union: np.ndarray) -> np.ndarray:
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
