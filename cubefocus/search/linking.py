"""From voxels that stand out to islands: voxels that touch, in space or in frequency, are one source.

A source that is resolved, or rotates, has many peaks; what holds them together is that there is no gap between them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import find_objects, label

TOUCHING = np.ones((3, 3, 3), dtype=bool)  # also at a corner


@dataclass(frozen=True, eq=False)
class Islands:
    """Islands of voxels above a threshold.

    Attributes
    ----------
    labels : ndarray of int32, shape (channel, y, x)
        Number of the island of each voxel, from 1; 0 outside.
    windows : list of tuple of slice
        Smallest part of the cube around each.
    peak : ndarray, shape (island,)
        Highest significance in each.
    place : ndarray of int, shape (island, 3)
        Channel, y and x of it.
    size : ndarray of int, shape (island,)
        Voxels.
    """

    labels: np.ndarray
    windows: list[tuple[slice, ...]]
    peak: np.ndarray
    place: np.ndarray
    size: np.ndarray

    def __len__(self) -> int:
        return len(self.windows)

    def mask(self, number: int) -> np.ndarray:
        """Voxels of an island, counted from 0, in its window."""
        return self.labels[self.windows[number]] == number + 1

    def chosen(self, keep: np.ndarray) -> Islands:
        """Some of the islands, in the order of falling significance."""
        order = np.flatnonzero(keep)
        order = order[np.argsort(-self.peak[order], kind="stable")]
        new = np.zeros(len(self) + 1, dtype=np.int32)
        new[order + 1] = np.arange(1, len(order) + 1)
        windows = [self.windows[number] for number in order]
        return Islands(new[self.labels], windows, self.peak[order], self.place[order], self.size[order])


def islands(significance: np.ndarray, threshold: float, alive: np.ndarray | None = None) -> Islands:
    """Link the voxels above a threshold.

    Parameters
    ----------
    significance : ndarray, shape (channel, y, x)
    threshold : float
    alive : ndarray of bool, shape (channel,), optional
        Channels with data. Those on both sides of one without are neighbours.

    Returns
    -------
    Islands
        In the order of their first voxel.
    """
    alive = np.ones(len(significance), dtype=bool) if alive is None else alive
    labels = np.zeros(significance.shape, dtype=np.int32)
    labels[alive], number = label(significance[alive] > threshold, structure=TOUCHING, output=np.int32)
    windows = find_objects(labels)
    peak, place, size = np.zeros(number), np.zeros((number, 3), dtype=int), np.zeros(number, dtype=int)
    for one, window in enumerate(windows):
        inside = labels[window] == one + 1
        values = np.where(inside, significance[window], -np.inf)
        highest = np.unravel_index(int(values.argmax()), values.shape)
        peak[one], size[one] = values[highest], int(inside.sum())
        place[one] = [at + part.start for at, part in zip(highest, window, strict=True)]
    return Islands(labels, windows, peak, place, size)
