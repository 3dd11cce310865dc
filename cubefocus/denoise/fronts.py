"""What a box cannot resolve: shock fronts and turbulence in an image of its emission.

Cells of a box are some 0.4 Mpc, pixels of an image some kpc. In between, emission is bright behind shock fronts, which
lie across the gradient of pressure and have a sharp outer and a fading inner side, because electrons cool behind them
within some 100 kpc (van Weeren et al. 2019, section 4), and the magnetic field is turbulent. Both are drawn at random,
with fronts along the contours of what the box does resolve. The flux of an image stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft
from scipy.ndimage import gaussian_filter

KOLMOGOROV = -11.0 / 3.0  # slope of the power spectrum, also of a cut through a turbulent field that is thick
STEEP = -5.0  # slope of fields that are to be smooth
LOWEST = 1e-12  # Jy/arcsec^2, so that the logarithm of an image is finite


@dataclass(frozen=True)
class FrontSettings:
    """Fronts and turbulence. Lengths are proper, kpc.

    Attributes
    ----------
    spacing : float
        Of fronts, in the natural logarithm of brightness.
    strength : float
        Share of the light that is behind fronts, where there are any.
    fading : float
        How fast it fades behind a front, over the distance to the next.
    wobble : float
        Standard deviation of a front's place, over the distance to the next.
    patch_kpc : float
        Length of a front.
    contour_kpc : float
        Standard deviation of the Gaussian that smooths the contours along which fronts lie.
    sharpness_kpc : float
        Standard deviation of the outer edge of a front.
    turbulence : float
        Standard deviation of the natural logarithm of brightness by turbulence.
    outer_kpc : float
        Largest scale of turbulence.
    """

    spacing: float = 2.5
    strength: float = 0.75
    fading: float = 0.22
    wobble: float = 0.6
    patch_kpc: float = 800.0
    contour_kpc: float = 60.0
    sharpness_kpc: float = 5.0
    turbulence: float = 0.35
    outer_kpc: float = 400.0


def add_fronts(
    image: np.ndarray, kpc_per_pixel: float, rng: np.random.Generator, settings: FrontSettings | None = None
) -> np.ndarray:
    """Image with fronts and turbulence, of the same total flux.

    Parameters
    ----------
    image : ndarray, shape (y, x)
        Jy/arcsec^2.
    kpc_per_pixel : float
        Proper.
    rng : numpy.random.Generator
    settings : FrontSettings, optional

    Returns
    -------
    ndarray, shape (y, x)
    """
    settings = settings or FrontSettings()
    total = float(image.sum())
    if total == 0.0:
        return image
    n = max(image.shape)

    def field(outer_kpc: float, slope: float) -> np.ndarray:
        return random_field(n, outer_kpc / kpc_per_pixel, slope, rng)[: image.shape[0], : image.shape[1]]

    contours = gaussian_filter(np.log(image + LOWEST), settings.contour_kpc / kpc_per_pixel)
    phase = contours / settings.spacing + settings.wobble * field(2.0 * settings.patch_kpc, STEEP)
    behind = phase - np.floor(phase)  # 0 at a front, 1 just outside of the next one inwards
    fading = np.exp(-behind / settings.fading) / (settings.fading * (1.0 - np.exp(-1.0 / settings.fading)))
    patches = settings.strength / (1.0 + np.exp(1.0 - 3.0 * field(settings.patch_kpc, STEEP)))
    shown = (1.0 - patches + patches * fading) * np.exp(settings.turbulence * field(settings.outer_kpc, KOLMOGOROV))
    shown = image * gaussian_filter(shown, settings.sharpness_kpc / kpc_per_pixel)
    return shown * (total / float(shown.sum()))


def random_field(n: int, outer: float, slope: float, rng: np.random.Generator) -> np.ndarray:
    """Gaussian random field of mean 0 and standard deviation 1 on a periodic square.

    Parameters
    ----------
    n : int
        Pixels a side.
    outer : float
        Scale in pixels beyond which its power spectrum is flat.
    slope : float
        Of the power spectrum on smaller scales.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of float32, shape (n, n)
    """
    modes = fft.rfft2(rng.standard_normal((n, n), dtype=np.float32))
    k = np.hypot(np.fft.fftfreq(n)[:, None], np.fft.rfftfreq(n)[None])
    scale = (1.0 + (k * outer) ** 2) ** (0.25 * slope)
    scale[0, 0] = 0.0
    values = fft.irfft2((modes * scale).astype(np.complex64), (n, n))
    deviation = float(values.std())
    return values / deviation if deviation > 0.0 else values  # of a single pixel
