"""Detected voxels of a cube linked to sources, and what is measured of each.

As in SoFiA-2 (Serra et al. 2015, MNRAS 448, 1922; Westmeier et al. 2021, MNRAS 506, 3962): friends of friends with one
linking radius in the image and another one along the spectrum. Two voxels are friends if one is in the ellipsoid around
the other that has these radii as its semi-axes, (dx^2 + dy^2) / radius_xy^2 + dz^2 / radius_z^2 <= 1: with radii of 1
those that share a face.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components


def link(mask: np.ndarray, radius_xy: int, radius_z: int) -> np.ndarray:
    """Number the sources of a mask.

    Parameters
    ----------
    mask : ndarray of bool, shape (channel, y, x)
    radius_xy, radius_z : int
        Linking radii in pixels and channels, at least 1.

    Returns
    -------
    ndarray of int32, shape (channel, y, x)
        0 outside of sources, otherwise the number of the source, 1, 2, ...
    """
    labels, n_parts = ndimage.label(mask, _near(1, 1, radius_xy, radius_z))
    if n_parts < 2 or radius_xy == radius_z == 1:
        return labels
    pairs = _friends(labels, mask, radius_xy, radius_z)
    graph = coo_array((np.ones(len(pairs), dtype=bool), pairs.T), shape=(n_parts + 1, n_parts + 1))
    source = connected_components(graph, directed=False)[1]  # label 0 has no friends and comes first
    return source.astype(np.int32)[labels]


def _friends(labels: np.ndarray, mask: np.ndarray, radius_xy: int, radius_z: int) -> np.ndarray:
    """Pairs of different labels with voxels within the radii, shape (n, 2).

    Only voxels at the rim of their part are looked at: one step from an inner voxel towards a friend outside is a
    voxel of the same part, and nearer in every axis.
    """
    margins = radius_z, radius_xy, radius_xy
    padded = np.pad(labels, [(margin, margin) for margin in margins])
    inner = ndimage.binary_erosion(mask, border_value=1)
    rim = np.ravel_multi_index(
        tuple(axis + margin for axis, margin in zip(np.nonzero(mask & ~inner), margins, strict=True)), padded.shape
    )
    flat, own = padded.ravel(), padded.ravel()[rim]
    n_labels, codes = int(labels.max()) + 1, [np.empty(0, dtype=np.int64)]
    for step in _half_ellipsoid(radius_xy, radius_z) @ (np.array(padded.strides) // padded.itemsize):
        other = flat[rim + step]
        met = np.flatnonzero((other != 0) & (other != own))
        codes.append(np.unique(own[met].astype(np.int64) * n_labels + other[met]))
    return np.column_stack(np.divmod(np.unique(np.concatenate(codes)), n_labels))


def _half_ellipsoid(radius_xy: int, radius_z: int) -> np.ndarray:
    """Offsets (channel, y, x) to friends, one of each pair of opposite ones, shape (n, 3)."""
    offsets = np.argwhere(_near(radius_xy, radius_z, radius_xy, radius_z)) - (radius_z, radius_xy, radius_xy)
    return offsets[len(offsets) // 2 + 1 :]  # the middle one is no offset at all


def _near(reach_xy: int, reach_z: int, radius_xy: int, radius_z: int) -> np.ndarray:
    """Which of the voxels around one, up to so many steps away in each axis, are its friends: (channel, y, x)."""
    z, y, x = np.mgrid[-reach_z : reach_z + 1, -reach_xy : reach_xy + 1, -reach_xy : reach_xy + 1]
    # without a division: what is just on the ellipsoid is on it
    return (x**2 + y**2) * radius_z**2 + z**2 * radius_xy**2 <= (radius_xy * radius_z) ** 2


@dataclass(frozen=True)
class Detections:
    """What is measured of each source, arrays of one entry a source in the order of the labels 1, 2, ...

    Attributes
    ----------
    n_voxels : ndarray of int
    total : ndarray
        Sum of the voxels, which decides whether a detection is positive or negative.
    peak : ndarray
        Largest voxel of a positive detection, smallest one of a negative one.
    first, last : ndarray of int, shape (n, 3)
        Bounding box (channel, y, x), both ends included.
    centre : ndarray, shape (n, 3)
        Mean of (channel, y, x), weighted by the voxels that have the sign of the detection.
    """

    n_voxels: np.ndarray
    total: np.ndarray
    peak: np.ndarray
    first: np.ndarray
    last: np.ndarray
    centre: np.ndarray

    @property
    def size(self) -> np.ndarray:
        """Extent of the bounding boxes, shape (n, 3): channels, y, x."""
        return self.last - self.first + 1


def measure(cube: np.ndarray, labels: np.ndarray) -> Detections:
    """Measure the sources of a cube.

    Parameters
    ----------
    cube : ndarray, shape (channel, y, x)
        Finite where there are sources.
    labels : ndarray of int, shape (channel, y, x)
        As made by `link`: no number is left out.

    Returns
    -------
    Detections
    """
    voxels = np.flatnonzero(labels)
    voxels = voxels[np.argsort(labels.ravel()[voxels], kind="stable")]
    own = labels.ravel()[voxels]
    starts = np.flatnonzero(np.diff(own, prepend=0))
    places = np.column_stack(np.unravel_index(voxels, labels.shape))
    values = cube.ravel()[voxels].astype(float)
    if not len(starts):
        return Detections(*(np.empty(0),) * 3, *(np.empty((0, 3), dtype=int),) * 3)
    total = np.add.reduceat(values, starts)
    sign = np.where(total < 0, -1.0, 1.0)
    weights = np.maximum(values * sign[own - 1], 0.0)
    moments = np.add.reduceat(weights[:, None] * places, starts)
    return Detections(
        np.diff(starts, append=len(own)),
        total,
        sign * np.maximum.reduceat(values * sign[own - 1], starts),
        np.minimum.reduceat(places, starts),
        np.maximum.reduceat(places, starts),
        moments / np.add.reduceat(weights, starts)[:, None],
    )
