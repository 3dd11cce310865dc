"""Particles and periodic meshes: cloud-in-cell assignment, its reverse, gradients and wavenumbers.

Cell i of a mesh has its centre at (i + 1/2) side / n (Hockney & Eastwood 1988, chapter 5).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

AT_A_TIME = 2**18  # particles, whose eight cells are in memory together


def wavenumbers(n: int, side: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Wavenumbers of the modes of `scipy.fft.rfftn`, 1/Mpc, float32 arrays that broadcast to (n, n, n // 2 + 1)."""
    full = (2.0 * np.pi / side * n * np.fft.fftfreq(n)).astype(np.float32)
    half = (2.0 * np.pi / side * np.arange(n // 2 + 1)).astype(np.float32)
    return full[:, None, None], full[None, :, None], half[None, None, :]


def squares(n: int, side: float) -> np.ndarray:
    """Squared wavenumbers of those modes, 1/Mpc^2, float32, shape (n, n, n // 2 + 1)."""
    x, y, z = wavenumbers(n, side)
    return x**2 + y**2 + z**2


def deposit(places: np.ndarray, n: int, side: float, weights: np.ndarray | None = None) -> np.ndarray:
    """Sum of the weights of particles in the cells of a mesh, each shared between the eight cells around it.

    Parameters
    ----------
    places : ndarray, shape (particle, 3)
        In Mpc, anywhere: the box is periodic.
    n : int
        Cells a side.
    side : float
        Of the box, Mpc.
    weights : ndarray, shape (particle,), optional
        1 by default.

    Returns
    -------
    ndarray of float32, shape (n, n, n)
    """
    total = np.zeros(n**3)
    for begin in range(0, len(places), AT_A_TIME):
        some = slice(begin, begin + AT_A_TIME)
        pairs = list(_corners(places[some], n, side))
        cells = np.concatenate([cell for cell, _ in pairs])
        shares = np.concatenate([share if weights is None else share * weights[some] for _, share in pairs])
        # The part of the mesh that these particles are in: they come in the order of their lattice.
        low, high = int(cells.min()), int(cells.max()) + 1
        total[low:high] += np.bincount(cells - low, shares, minlength=high - low)
    return total.reshape(n, n, n).astype(np.float32)


def gather(meshes: Sequence[np.ndarray], places: np.ndarray, side: float) -> np.ndarray:
    """Values of meshes at the places of particles, by the weights of `deposit`; float32, shape (particle, mesh)."""
    n = len(meshes[0])
    values = np.zeros((len(places), len(meshes)), np.float32)
    for cell, share in _corners(places, n, side):
        for number, mesh in enumerate(meshes):
            values[:, number] += share * mesh.reshape(-1)[cell]
    return values


def gradient(mesh: np.ndarray, axis: int, side: float) -> np.ndarray:
    """Derivative along an axis by four points (Hockney & Eastwood 1988, eq. 5-50), per Mpc."""
    step = side / len(mesh)
    padded = np.concatenate([mesh.take([-2, -1], axis), mesh, mesh.take([0, 1], axis)], axis)

    def moved(by: int) -> np.ndarray:
        return padded[tuple(slice(2 + by, 2 + by + len(mesh)) if one == axis else slice(None) for one in range(3))]

    slope = (moved(1) - moved(-1)) * np.float32(2.0 / 3.0 / step)
    slope -= (moved(2) - moved(-2)) * np.float32(1.0 / 12.0 / step)
    return slope


def _corners(places: np.ndarray, n: int, side: float) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Flat indices of the eight cells around each place, one corner after the other, and the share of each."""
    scaled = np.asarray(places, np.float32) * np.float32(n / side) - np.float32(0.5)
    low = np.floor(scaled)
    above = (scaled - low).T
    shares = (1.0 - above, above)
    index = low.astype(np.int64).T
    indices = (index % n, (index + 1) % n)
    for i, j, k in itertools.product((0, 1), repeat=3):
        cell = (indices[i][0] * n + indices[j][1]) * n + indices[k][2]
        yield cell, shares[i][0] * shares[j][1] * shares[k][2]
