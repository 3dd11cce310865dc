"""From voxels that stand out to islands: voxels that touch, in space or in frequency, are one source.

A source that is resolved, or rotates, has many peaks; what holds them together is that there is no gap between them.
Two bright sources whose faint rims touch have one: between their peaks the significance falls to less than a third.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import find_objects, label, maximum
from skimage.segmentation import watershed

TOUCHING = np.ones((3, 3, 3), dtype=bool)  # also at a corner
SADDLE = 0.3  # of the lower of two peaks: where the way from one to the other is below that, they are two sources
STEP = 1.15  # between the levels at which an island is looked at


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
    labels[alive] = _separated(significance[alive], threshold)
    windows = find_objects(labels)
    number = len(windows)
    peak, place, size = np.zeros(number), np.zeros((number, 3), dtype=int), np.zeros(number, dtype=int)
    for one, window in enumerate(windows):
        inside = labels[window] == one + 1
        values = np.where(inside, significance[window], -np.inf)
        highest = np.unravel_index(int(values.argmax()), values.shape)
        peak[one], size[one] = values[highest], int(inside.sum())
        place[one] = [at + part.start for at, part in zip(highest, window, strict=True)]
    return Islands(labels, windows, peak, place, size)


def _separated(significance: np.ndarray, threshold: float) -> np.ndarray:
    """Labels of voxels above a threshold that touch, without chains of what only the faint rims of bright ones link."""
    labels, number = label(significance > threshold, structure=TOUCHING, output=np.int32)
    for one, window in enumerate(find_objects(labels)):
        inside, values = labels[window] == one + 1, significance[window]
        parts = _parts(values, inside, threshold)
        for part in parts[1:]:
            number += 1
            labels[window][part] = number
    return labels


def _parts(values: np.ndarray, inside: np.ndarray, threshold: float) -> list[np.ndarray]:
    """Masks of the parts of an island between which its significance falls far below their peaks."""
    highest = SADDLE * float(values[inside].max())
    level = threshold
    while level <= highest:
        level *= STEP
        cores, number = label(inside & (values > level), structure=TOUCHING)
        peaks = maximum(values, cores, np.arange(1, number + 1)) if number else np.zeros(0)
        chosen = np.flatnonzero(np.asarray(peaks) * SADDLE > level) + 1
        if len(chosen) > 1:
            markers = np.where(np.isin(cores, chosen), cores, 0)
            whole = watershed(-values, markers, connectivity=TOUCHING, mask=inside)
            return [part for core in chosen.tolist() for part in _parts(values, whole == core, level)]
    return [inside]
