"""Smoothing of cubes by Gaussians in the image and boxcars along the spectrum, and the noise of the result."""

from __future__ import annotations

import numpy as np

from cubefocus.errors import CubefocusError
from cubefocus.stats.noise import MAD_TO_SIGMA

FWHM_TO_SIGMA = 1.0 / np.sqrt(8.0 * np.log(2.0))
TRUNCATE = 4.0  # sigma at which the Gaussian kernels end


def noise(values: np.ndarray) -> float:
    """Standard deviation of the noise: 1.4826 times the median amount of the negative values, which no source adds to.

    Raises
    ------
    CubefocusError
        If no value is negative.
    """
    negative = values[values < 0]
    if not negative.size:
        raise CubefocusError("the cube has no negative voxel to measure the noise from; give a dirty cube")
    return -MAD_TO_SIGMA * float(np.median(negative, overwrite_input=True))


def gaussian(fwhm: float) -> np.ndarray:
    """Weights of a Gaussian kernel of a width in pixels, with a sum of 1."""
    sigma = fwhm * FWHM_TO_SIGMA
    reach = int(np.ceil(TRUNCATE * sigma))
    weights: np.ndarray = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    return weights / weights.sum()


def smooth(cube: np.ndarray, fwhm_xy: float, width_z: float, scratch: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Smooth a cube along each axis; beyond its edges are zeros.

    Products with banded matrices: at some hundred pixels a side they take half of the time of convolutions.

    Parameters
    ----------
    cube : ndarray of float32, shape (channel, y, x)
    fwhm_xy : float
        Of the Gaussian in x and y, pixels; 0 does not smooth.
    width_z : float
        Of the boxcar, channels, odd; 0 does not smooth.
    scratch : two ndarrays of the shape and type of `cube`
        To work in.

    Returns
    -------
    ndarray
        One of `scratch`, or `cube` itself where nothing is smoothed.
    """
    if fwhm_xy:
        rows, columns = (_banded(n, gaussian(fwhm_xy)) for n in cube.shape[1:])
        cube = np.matmul(rows, np.matmul(cube, columns, out=scratch[0]), out=scratch[1])
    if width_z:
        channels = _banded(len(cube), np.full(int(width_z), 1.0 / width_z))
        np.matmul(channels, cube.reshape(len(cube), -1), out=scratch[0].reshape(len(cube), -1))
        cube = scratch[0]
    return cube


def _banded(n: int, weights: np.ndarray) -> np.ndarray:
    """Matrix (n, n) that convolves n values with a symmetric kernel of odd length."""
    apart = np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    half = np.append(weights[len(weights) // 2 :], 0.0)
    return half[np.minimum(apart, len(half) - 1)].astype(np.float32)
