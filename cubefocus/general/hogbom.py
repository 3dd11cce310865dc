"""CLEAN of a dirty cube, channel by channel, as it is told in the paper that proposed it."""

from __future__ import annotations

import numpy as np

GAIN = 0.1  # share of a peak that a component takes
MOST = 3000  # components of a channel at most


def components(dirty: np.ndarray, psf: np.ndarray, held: np.ndarray, depth: float) -> tuple[np.ndarray, np.ndarray]:
    """Components of one channel and what they leave (Hogbom 1974, A&AS 15, 417).

    Parameters
    ----------
    dirty : ndarray, shape (y, x)
        Jy/beam.
    psf : ndarray, shape at least twice that
        Dirty beam, 1 at pixel (y // 2, x // 2).
    held : ndarray of bool, shape (y, x)
        Where components may lie.
    depth : float
        Jy/beam of the highest peak at which it ends.

    Returns
    -------
    model, residual : ndarray, shape (y, x)
        Jy/pixel and Jy/beam.
    """
    (height, width), centre = dirty.shape, [size // 2 for size in psf.shape]
    model, residual = np.zeros_like(dirty), dirty.copy()
    inside = np.flatnonzero(held)
    for _ in range(MOST if len(inside) else 0):
        place = int(inside[np.abs(residual.ravel()[inside]).argmax()])
        y, x = divmod(place, width)
        peak = residual[y, x]
        if abs(peak) < depth:
            break
        model[y, x] += GAIN * peak
        top, left = centre[0] - y, centre[1] - x
        residual -= GAIN * peak * psf[top : top + height, left : left + width]
    return model, residual
