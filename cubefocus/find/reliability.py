"""Reliability of detections, from the negative ones of the same cube (Serra, Jurek & Floer 2012, PASA 29, 296).

Noise is as often negative as positive, and nothing in the sky is negative: the negative detections say where in the
space of (peak, sum, mean) the false ones are, and how many.
"""

from __future__ import annotations

import numpy as np

from cubefocus.find.linker import Detections


def features(detections: Detections, rows: np.ndarray, noise: float) -> np.ndarray:
    """Logarithms of peak, sum and mean of some detections in units of the noise, without their sign, shape (n, 3)."""
    peak, total = detections.peak[rows], detections.total[rows]
    return np.log10(np.abs(np.column_stack([peak, total, total / detections.n_voxels[rows]])) / noise)


def reliability(positive: np.ndarray, negative: np.ndarray, scale_kernel: float) -> np.ndarray:
    """Probability that each positive detection is none of the noise.

    R = (P - N) / P, at least 0, with P and N the densities of positive and negative detections at its place, by a
    Gaussian kernel of the shape of the negative ones' distribution (Serra, Jurek & Floer 2012).

    Parameters
    ----------
    positive, negative : ndarray, shapes (n, d) and (m, d)
        As made by `features`.
    scale_kernel : float
        Width of the kernel in units of that of the distribution.

    Returns
    -------
    ndarray, shape (n,)
        0 to 1. With fewer than d + 1 negative detections there is no density to speak against any: all are 1.
    """
    if len(negative) <= positive.shape[1]:
        return np.ones(len(positive))
    # a pseudo-inverse: detections of a single voxel have peak = sum = mean, and a covariance without an inverse
    covariance = scale_kernel**2 * np.atleast_2d(np.cov(negative, rowvar=False))
    inverse = np.linalg.pinv(covariance, rcond=1e-9, hermitian=True)
    p, n = (_density(positive, others, inverse) for others in (positive, negative))
    return np.maximum(p - n, 0.0) / p


def _density(places: np.ndarray, others: np.ndarray, inverse: np.ndarray) -> np.ndarray:
    """Sum of the kernels of `others` at `places`, each 1 at its centre; place by place, as there can be thousands."""
    sums = np.empty(len(places))
    for number, place in enumerate(places):
        apart = others - place
        sums[number] = np.exp(-0.5 * ((apart @ inverse) * apart).sum(axis=1)).sum()
    return sums
