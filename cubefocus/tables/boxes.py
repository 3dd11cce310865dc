"""Overlaps of boxes and of line ranges, and blendness."""

from __future__ import annotations

import numpy as np


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
