"""Signal-to-noise ratios of boxes and pixels (MNRAS Eq. 17 and 18)."""

from __future__ import annotations

import math

import numpy as np

from cubefocus.alma.rows import Box
from cubefocus.stats.noise import noise_of

# An annulus with fewer pixels that hold data gives no usable noise.
LEAST_PIXELS = 8


def global_snr(image: np.ndarray, box: Box, measure: str = "std") -> float:
    """Global SNR of a box: median in its circle over the noise in the ring of the same area around it (MNRAS Eq. 17).

    Parameters
    ----------
    image : ndarray, shape (y, x)
        NaN where there is no data.
    box : (x0, y0, x1, y1)
        Half-open. The circle is the one inscribed in it: its radius r is half the shorter side; the ring reaches to
        sqrt(2) r.
    measure : {"std", "var", "mad"}

    Returns
    -------
    float
        Infinite if the noise is 0; NaN if no pixel of the circle holds data. Where the ring holds fewer than 8 pixels
        with data, as for a box as large as the image, all pixels outside the circle serve, then all pixels.
    """
    x0, y0, x1, y1 = box
    x, y, radius = 0.5 * (x0 + x1 - 1), 0.5 * (y0 + y1 - 1), 0.5 * min(x1 - x0, y1 - y0)
    reach = math.sqrt(2.0) * radius
    ya, yb = max(math.floor(y - reach), 0), math.ceil(y + reach) + 1
    xa, xb = max(math.floor(x - reach), 0), math.ceil(x + reach) + 1
    inside, ring = _split(image[ya:yb, xa:xb], x - xa, y - ya, radius, reach)
    if np.isfinite(inside).sum() == 0:
        return math.nan
    if np.isfinite(ring).sum() < LEAST_PIXELS:
        ring = _split(image, x, y, radius, math.inf)[1]
    if np.isfinite(ring).sum() < LEAST_PIXELS:
        ring = image
    return ratio(float(np.nanmedian(inside)), noise_of(ring, measure))


def _split(image: np.ndarray, x: float, y: float, radius: float, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """Pixels within ``radius`` of a position, and those between ``radius`` and ``reach``."""
    rows, columns = np.ogrid[: image.shape[0], : image.shape[1]]
    distance = (columns - x) ** 2 + (rows - y) ** 2
    within = distance <= radius**2
    return image[within], image[~within & (distance <= reach**2)]


def pixel_snr(image: np.ndarray, measure: str = "std") -> np.ndarray:
    """Pixel SNR: each pixel over the noise of the whole image (MNRAS Eq. 18).

    Parameters
    ----------
    image : ndarray, shape (y, x)
        NaN where there is no data.
    measure : {"std", "var", "mad"}
    """
    noise = noise_of(image, measure)
    return image / noise if noise > 0 else np.zeros_like(image)


def ratio(signal: float, noise: float) -> float:
    """Signal over noise; without noise it is infinite with the sign of the signal, and 0 for no signal."""
    if noise > 0:
        return signal / noise
    return math.copysign(math.inf, signal) if signal else 0.0
