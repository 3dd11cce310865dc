"""The filters that GV22 (Gheller & Vazza 2022, MNRAS 509, 990, section 4.2) compares its network with."""

from __future__ import annotations

import numpy as np
from scipy import fft, ndimage

from cubefocus.errors import CubefocusError

SIGMA = 3.0  # px, 6 arcsec
CUTOFF = 0.1  # cycles per px


def gaussian_filter(image: np.ndarray, sigma: float = SIGMA) -> np.ndarray:
    """Convolve an image with a Gaussian, mirrored at its edges.

    Parameters
    ----------
    image : ndarray, shape (y, x)
        NaN where there are no data.
    sigma : float
        Standard deviation in px.

    Returns
    -------
    ndarray of float64, shape (y, x)
        The mean of the pixels that have data, weighted by the Gaussian; NaN where the image has it.
    """
    held = np.isfinite(image)
    smooth = ndimage.gaussian_filter(np.where(held, image, 0.0).astype(float), sigma)
    if held.all():
        return smooth
    weight = ndimage.gaussian_filter(held.astype(float), sigma)
    return np.where(held, smooth / np.where(held, weight, 1.0), np.nan)


def fft_filter(image: np.ndarray, cutoff: float = CUTOFF) -> np.ndarray:
    """Set the modes of high frequency to zero, along each axis.

    The paper does not say which; the default is that of the lecture notes of SciPy, whose FFT it used: the lowest tenth
    of the frequencies of each axis.

    Parameters
    ----------
    image : ndarray, shape (y, x)
        NaN where there are no data; taken as 0.
    cutoff : float
        Highest frequency that is kept, cycles per px, above 0 to 0.5.

    Returns
    -------
    ndarray of float64, shape (y, x)
        NaN where the image has it.

    Raises
    ------
    CubefocusError
        If the cutoff is no frequency of an image.
    """
    if not 0 < cutoff <= 0.5:
        raise CubefocusError(f"the cutoff of the FFT filter is {cutoff:g}; give cycles per px, above 0 to 0.5")
    held = np.isfinite(image)
    modes = fft.rfft2(np.where(held, image, 0.0).astype(float))
    modes[np.abs(fft.fftfreq(image.shape[0])) > cutoff] = 0.0
    modes[:, fft.rfftfreq(image.shape[1]) > cutoff] = 0.0
    return np.where(held, fft.irfft2(modes, s=image.shape), np.nan)
