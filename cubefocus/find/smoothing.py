"""Smoothing of cubes by Gaussians in the image and boxcars along the spectrum, and the noise of the result.

SoFiA-2 has boxcars in the place of the Gaussians as well: a few passes of one, by the central limit theorem.
"""

from __future__ import annotations

import math

import numpy as np

from cubefocus.errors import CubefocusError
from cubefocus.stats.noise import MAD_TO_SIGMA

FWHM_TO_SIGMA = 1.0 / np.sqrt(8.0 * np.log(2.0))
TRUNCATE = 4.0  # sigma at which the Gaussian kernels end
KERNELS = "gaussian", "boxcar"  # in the image; along the spectrum there are boxcars only
PASSES = 6, 5, 4, 3  # of a boxcar that stands for a Gaussian; of two that come as close the one with more passes


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


def passes(fwhm: float) -> tuple[int, int]:
    """Boxcar whose repetition comes closest to a Gaussian, as SoFiA-2 smooths images.

    n passes of a boxcar of 2 r + 1 pixels are a kernel of variance n r (r + 1) / 3. Of 3 to 6 passes those are taken
    whose standard deviation is nearest: 3, 5, 6, 7, 9, 11 pixels become 3.33, 4.71, 5.77, 6.66, 9.42 and 10.53.

    Parameters
    ----------
    fwhm : float
        Of the Gaussian, pixels. Nothing is narrower than 3 passes of 3 pixels, 3.33.

    Returns
    -------
    number, radius : int
        Of passes, and of the boxcar in pixels.
    """
    sigma, found = fwhm * FWHM_TO_SIGMA, []
    for number in PASSES:
        below = math.floor(math.sqrt(3.0 * sigma**2 / number + 0.25) - 0.5)
        found += [(abs(math.sqrt(number * r * (r + 1) / 3.0) - sigma), -number, r) for r in (below, below + 1) if r]
    _, negative, radius = min(found)
    return -negative, radius


def smooth(
    cube: np.ndarray,
    fwhm_xy: float,
    width_z: float,
    scratch: tuple[np.ndarray, np.ndarray],
    kernel: str = "gaussian",
) -> np.ndarray:
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
    kernel : str
        Of `KERNELS`: a Gaussian in x and y, or the `passes` that stand for it.

    Returns
    -------
    ndarray
        One of `scratch`, or `cube` itself where nothing is smoothed.
    """
    if fwhm_xy:
        rows, columns = (_spatial(n, fwhm_xy, kernel) for n in cube.shape[1:])
        cube = np.matmul(rows, np.matmul(cube, columns, out=scratch[0]), out=scratch[1])
    if width_z:
        channels = _banded(len(cube), np.full(int(width_z), 1.0 / width_z))
        np.matmul(channels, cube.reshape(len(cube), -1), out=scratch[0].reshape(len(cube), -1))
        cube = scratch[0]
    return cube


def _spatial(n: int, fwhm: float, kernel: str) -> np.ndarray:
    """Matrix that smooths n pixels; a pass of a boxcar sees nothing of what the one before smeared over the edge."""
    if kernel == "gaussian":
        return _banded(n, gaussian(fwhm))
    number, radius = passes(fwhm)
    once = _banded(n, np.full(2 * radius + 1, 1.0 / (2 * radius + 1)))
    return np.linalg.matrix_power(once.astype(float), number).astype(np.float32)


def _banded(n: int, weights: np.ndarray) -> np.ndarray:
    """Matrix (n, n) that convolves n values with a symmetric kernel of odd length."""
    apart = np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    half = np.append(weights[len(weights) // 2 :], 0.0)
    return half[np.minimum(apart, len(half) - 1)].astype(np.float32)
