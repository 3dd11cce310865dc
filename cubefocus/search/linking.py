"""From voxels that stand out to islands: voxels that touch, in space or in frequency, are one source.

A source that is resolved, or rotates, has many peaks; what holds them together is that there is no gap between them.
Two bright sources whose faint rims touch have one: between their peaks the significance falls to less than a third.

Few voxels of a cube stand out. Only these are held, and linked by their places: so it makes no difference in how many
parts a cube was searched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.ndimage import label, maximum
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

TOUCHING = np.ones((3, 3, 3), dtype=bool)  # also at a corner
SADDLE = 0.3  # of the lower of two peaks: where the way from one to the other is below that, they are two sources
STEP = 1.15  # between the levels at which an island is looked at


@dataclass(frozen=True, eq=False)
class Voxels:
    """Some voxels of a cube.

    Attributes
    ----------
    place : ndarray of int32, shape (3, voxel)
        Channel, y and x.
    value : ndarray of float32, shape (voxel,)
        Their significance.
    """

    place: np.ndarray
    value: np.ndarray

    @classmethod
    def above(cls, significance: np.ndarray, threshold: float, corner: tuple[int, int, int] = (0, 0, 0)) -> Voxels:
        """Those of a part of a cube, whose first voxel is there, that are above a threshold."""
        chosen = np.flatnonzero(significance.reshape(-1) > threshold)
        place = np.stack(np.unravel_index(chosen, significance.shape)).astype(np.int32)
        place += np.array(corner, dtype=np.int32)[:, None]
        return cls(place, significance.reshape(-1)[chosen])

    @classmethod
    def joined(cls, parts: Sequence[Voxels]) -> Voxels:
        """Those of all parts together."""
        return cls(np.concatenate([one.place for one in parts], axis=1), np.concatenate([one.value for one in parts]))


@dataclass(frozen=True, eq=False)
class Islands:
    """Islands of voxels above a threshold.

    Attributes
    ----------
    shape : (channel, y, x)
        Of the cube.
    places : list of ndarray of int32, shape (3, voxel)
        Channel, y and x of the voxels of each island.
    windows : list of tuple of slice
        Smallest part of the cube around each.
    peak : ndarray, shape (island,)
        Highest significance in each.
    place : ndarray of int, shape (island, 3)
        Channel, y and x of it.
    size : ndarray of int, shape (island,)
        Voxels.
    """

    shape: tuple[int, ...]
    places: list[np.ndarray]
    windows: list[tuple[slice, ...]]
    peak: np.ndarray
    place: np.ndarray
    size: np.ndarray

    def __len__(self) -> int:
        return len(self.places)

    def mask(self, number: int) -> np.ndarray:
        """Voxels of an island, counted from 0, in its window."""
        window = self.windows[number]
        found = np.zeros(tuple(part.stop - part.start for part in window), dtype=bool)
        found[tuple(at - part.start for at, part in zip(self.places[number], window, strict=True))] = True
        return found

    def chosen(self, keep: np.ndarray) -> Islands:
        """Some of the islands, in the order of falling significance."""
        order = np.flatnonzero(keep)
        return self.of(order[np.argsort(-self.peak[order], kind="stable")].tolist())

    def of(self, numbers: Sequence[int], corner: tuple[int, int] = (0, 0), shape: tuple[int, ...] = ()) -> Islands:
        """Islands of these numbers, in a part of the image of this shape from a (y, x) on; the rest is cut off."""
        shift = np.array([0, *corner], dtype=np.int32)
        limits = np.array(shape or self.shape, dtype=np.int32)[:, None]
        places = [self.places[number] - shift[:, None] for number in numbers]
        places = [one[:, ((one >= 0) & (one < limits)).all(axis=0)] for one in places]
        windows = [_window(one) for one in places]
        index = np.array(numbers, dtype=int)
        return Islands(shape or self.shape, places, windows, self.peak[index], self.place[index] - shift,
                       self.size[index])  # fmt: skip

    def parted(self, places: Sequence[np.ndarray], owners: Sequence[int]) -> Islands:
        """Islands of which each has some of the voxels of an island of that number; with its peak."""
        windows = [_window(one) for one in places]
        index = np.array(owners, dtype=int)
        size = np.array([one.shape[1] for one in places], dtype=int)
        return Islands(self.shape, list(places), windows, self.peak[index], self.place[index], size)

    def reaches(self, number: int, rows: slice, columns: slice) -> bool:
        """Whether an island has voxels in a part of the image."""
        _, y, x = self.places[number]
        return bool(((y >= rows.start) & (y < rows.stop) & (x >= columns.start) & (x < columns.stop)).any())

    @cached_property
    def labels(self) -> np.ndarray:
        """Number of the island of each voxel, from 1; 0 outside; shape of the cube, int32."""
        found = np.zeros(self.shape, dtype=np.int32)
        for number, place in enumerate(self.places):
            found[tuple(place)] = number + 1
        return found


def _window(place: np.ndarray) -> tuple[slice, ...]:
    """Smallest part of a cube around voxels (3, voxel)."""
    return tuple(slice(low, high + 1) for low, high in zip(place.min(axis=1).tolist(), place.max(axis=1).tolist(),
                                                           strict=True))  # fmt: skip


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
    return link(Voxels.above(significance, threshold), significance.shape, threshold, alive)


def link(voxels: Voxels, shape: tuple[int, ...], threshold: float, alive: np.ndarray | None = None) -> Islands:
    """Link voxels that stand out, as `islands`.

    Parameters
    ----------
    voxels : Voxels
        All that are above the threshold, in any order.
    shape : (channel, y, x)
        Of the cube.
    threshold : float
    alive : ndarray of bool, shape (channel,), optional
    """
    alive = np.ones(shape[0], dtype=bool) if alive is None else alive
    used = alive[voxels.place[0]]
    place, value = voxels.place[:, used], voxels.value[used]
    near = place.astype(np.int64)
    near[0] = (np.cumsum(alive) - 1)[near[0]]
    index = (near[0] * shape[1] + near[1]) * shape[2] + near[2]
    order = np.argsort(index)
    place, near, value, index = place[:, order], near[:, order], value[order], index[order]
    number, groups = _touching(near, index, shape)
    # Voxels of an island side by side, islands in the order of their first voxel.
    by_island = np.argsort(groups, kind="stable")
    starts = np.searchsorted(groups[by_island], np.arange(number + 1))
    parts: list[np.ndarray] = []
    for start, stop in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        own = by_island[start:stop]
        parts += (
            [own] if SADDLE * value[own].max() < threshold else _separated(near[:, own], value[own], threshold, own)
        )
    return _measured(place, value, parts, shape)


def _touching(near: np.ndarray, index: np.ndarray, shape: tuple[int, ...]) -> tuple[int, np.ndarray]:
    """How many islands sorted voxels are, and the island of each, in the order of their first voxels."""
    _, n_y, n_x = shape
    pairs = []
    # Half of the neighbours: the others are those of whom this one is a neighbour.
    for dz, dy, dx in (
        (dz, dy, dx) for dz in (0, 1) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if (dz, dy, dx) > (0, 0, 0)
    ):
        y, x = near[1] + dy, near[2] + dx
        inside = np.flatnonzero((y >= 0) & (y < n_y) & (x >= 0) & (x < n_x))
        wanted = index[inside] + (dz * n_y + dy) * n_x + dx
        at = np.minimum(np.searchsorted(index, wanted), max(len(index) - 1, 0))
        there = index[at] == wanted if len(index) else np.zeros(0, dtype=bool)
        pairs.append(np.stack([inside[there], at[there]]))
    first, second = np.concatenate(pairs, axis=1)
    n_voxels = len(index)
    graph = coo_array((np.ones(len(first), dtype=bool), (first, second)), shape=(n_voxels, n_voxels))
    number, found = connected_components(graph, directed=False)
    _, at_first = np.unique(found, return_index=True)
    rank = np.empty(number, dtype=np.int64)
    rank[np.argsort(at_first)] = np.arange(number)
    return int(number), rank[found]


def _separated(near: np.ndarray, value: np.ndarray, threshold: float, own: np.ndarray) -> list[np.ndarray]:
    """Voxels of an island, in parts where only the faint rims of bright ones link them."""
    low = near.min(axis=1)
    where = tuple(near - low[:, None])
    values = np.zeros(tuple(near.max(axis=1) - low + 1), dtype=np.float32)
    values[where] = value
    inside = np.zeros(values.shape, dtype=bool)
    inside[where] = True
    return [own[part[where]] for part in _parts(values, inside, threshold)]


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
            from skimage.segmentation import watershed  # takes half a second, and few islands come here

            markers = np.where(np.isin(cores, chosen), cores, 0)
            whole = watershed(-values, markers, connectivity=TOUCHING, mask=inside)
            return [part for core in chosen.tolist() for part in _parts(values, whole == core, level)]
    return [inside]


def _measured(place: np.ndarray, value: np.ndarray, parts: list[np.ndarray], shape: tuple[int, ...]) -> Islands:
    """Islands of these voxels each."""
    number = len(parts)
    size = np.array([len(part) for part in parts], dtype=int)
    if not number:
        return Islands(shape, [], [], np.zeros(0), np.zeros((0, 3), dtype=int), size)
    joined = np.concatenate(parts)
    starts = np.concatenate([[0], np.cumsum(size)[:-1]])
    low, high = (way.reduceat(place[:, joined], starts, axis=1) for way in (np.minimum, np.maximum))
    windows = [
        tuple(slice(start, stop + 1) for start, stop in zip(first, last, strict=True))
        for first, last in zip(low.T.tolist(), high.T.tolist(), strict=True)
    ]
    places = [place[:, part] for part in parts]
    highest = np.array([part[int(value[part].argmax())] for part in parts])
    return Islands(shape, places, windows, value[highest].astype(float), place[:, highest].T.astype(int), size)
