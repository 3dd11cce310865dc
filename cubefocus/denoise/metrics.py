"""How well a denoised image agrees with the sky. Both are of shape (y, x), in Jy/arcsec^2; NaN counts nowhere.

GV22 is Gheller & Vazza 2022, MNRAS 509, 990.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import fft

from cubefocus.denoise.scale import DIFFUSE, FLOOR
from cubefocus.errors import CubefocusError

BINS = np.logspace(math.log10(FLOOR), -2.0, 49)  # Jy/arcsec^2, eight bins a decade
SNR_BINS = np.logspace(-1.0, 1.0, 9)  # four bins a decade
BRIGHTEST = 1e-3  # share of the pixels


def mean_relative_error(sky: np.ndarray, image: np.ndarray, above: float = DIFFUSE, below: float = math.inf) -> float:
    """Mean of ``|sky - image| / sky`` over the pixels where the sky is bright enough (GV22 Eq. 7).

    Parameters
    ----------
    sky, image : ndarray
    above, below : float
        Flux densities of the sky between which pixels count.

    Returns
    -------
    float
        NaN where no pixel counts.
    """
    sky, image = _both(sky, image)
    counts = (sky > above) & (sky < below)
    return float(np.mean(np.abs(sky[counts] - image[counts]) / sky[counts])) if counts.any() else math.nan


def mean_squared_error(sky: np.ndarray, image: np.ndarray) -> float:
    """Mean of the squared differences (GV22 Eq. 3), in the square of the unit in which both are given."""
    sky, image = _both(sky, image)
    return float(np.mean((sky - image) ** 2)) if sky.size else math.nan


def flux_histogram(image: np.ndarray, bins: np.ndarray = BINS) -> np.ndarray:
    """Number of pixels in each bin of flux density; fainter and brighter ones are in none."""
    return np.histogram(image[np.isfinite(image)], bins)[0]


def discrepancy(sky: np.ndarray, image: np.ndarray, bins: np.ndarray = BINS) -> int:
    """Sum over the bins of the differences of the numbers of pixels (GV22 Eq. A1)."""
    return int(np.abs(flux_histogram(sky, bins) - flux_histogram(image, bins)).sum())


@dataclass(frozen=True, eq=False)
class Correlation:
    """Cross-correlation against separation.

    Attributes
    ----------
    separation : ndarray, shape (n,)
        In the unit of the cell.
    value : ndarray, shape (n,)
        From -1 to 1.
    """

    separation: np.ndarray
    value: np.ndarray

    def at(self, separation: float) -> float:
        """Value at a separation, interpolated."""
        return float(np.interp(separation, self.separation, self.value))


def cross_correlation(
    sky: np.ndarray, image: np.ndarray, cell: float = 2.0, farthest: float | None = None
) -> Correlation:
    """Normalised cross-correlation, averaged over the shifts of a separation (GV22 Eq. 8).

    What is shifted out of the image counts as its mean, and the sum is divided by the number of all pixels, as the
    equation has it. Pixels without data count as the mean, too.

    Parameters
    ----------
    sky, image : ndarray, shape (y, x)
    cell : float
        Side of a pixel, arcsec.
    farthest : float, optional
        Largest separation, in the unit of the cell; half of the shorter side if not given.

    Returns
    -------
    Correlation
        In steps of a pixel; shifts count to the nearest whole separation. NaN where an image is constant.

    Raises
    ------
    CubefocusError
        If the images are of different shapes.
    """
    _same(sky, image)
    n_y, n_x = sky.shape
    held = np.isfinite(sky) & np.isfinite(image)
    one, other = (_normalised(each, held) for each in (sky, image))
    most = min(n_y, n_x) // 2 if farthest is None else min(int(farthest / cell), max(n_y, n_x) - 1)
    padded = [fft.next_fast_len(length + most, real=True) for length in (n_y, n_x)]  # so that no shift wraps round
    product = np.conj(fft.rfft2(one, s=padded)) * fft.rfft2(other, s=padded)
    matrix = fft.irfft2(product, s=padded) / max(int(held.sum()), 1)
    shifts = np.arange(-most, most + 1)
    near_y, near_x = (shifts[np.abs(shifts) < length] for length in (n_y, n_x))
    radius = np.rint(np.hypot(near_y[:, None], near_x)).astype(int)
    values = matrix[np.ix_(near_y, near_x)]
    n = np.bincount(radius.ravel())[: most + 1]
    total = np.bincount(radius.ravel(), values.ravel())[: most + 1]
    return Correlation(cell * np.arange(len(n)), total / n)


def _normalised(image: np.ndarray, held: np.ndarray) -> np.ndarray:
    """Mean 0 and standard deviation 1 over the pixels with data; 0 elsewhere."""
    values = image[held].astype(float)
    deviation = values.std() if values.size else 0.0
    made = np.zeros(image.shape)
    made[held] = (values - values.mean()) / deviation if deviation > 0 else math.nan
    return made


def brightest(sky: np.ndarray, share: float = BRIGHTEST) -> np.ndarray:
    """Places of the brightest pixels of a sky in its flat array, which has no NaN.

    Parameters
    ----------
    sky : ndarray
    share : float
        Of the pixels; one at least.
    """
    number = max(1, round(share * sky.size))
    return np.argpartition(sky.ravel(), -number)[-number:]


def brightest_flux(sky: np.ndarray, share: float = BRIGHTEST) -> float:
    """Mean flux density of the brightest pixels of a sky; NaN without pixels that have data."""
    held = sky[np.isfinite(sky)].astype(float)
    return float(held[brightest(held, share)].mean()) if held.size else math.nan


def dimming(sky: np.ndarray, image: np.ndarray, share: float = BRIGHTEST) -> float:
    """Share of the flux of the brightest pixels of the sky that is lost there: above 0 if they are dimmed.

    Parameters
    ----------
    sky, image : ndarray
    share : float
        Of the pixels; one at least.
    """
    sky, image = _both(sky, image)
    if not sky.size:
        return math.nan
    places = brightest(sky, share)
    flux = float(sky[places].sum())
    return 1.0 - float(image[places].sum()) / flux if flux > 0 else math.nan


@dataclass(frozen=True, eq=False)
class Segmentation:
    """Pixels that a mask has against those that hold emission, by signal-to-noise ratio (S/N).

    Attributes
    ----------
    bins : ndarray, shape (n + 1,)
        Limits of S/N.
    completeness : ndarray, shape (n,)
        Share of the pixels whose sky has this S/N that are in the mask; NaN without any.
    purity : ndarray, shape (n,)
        Share of the pixels of the mask whose image has this S/N that hold emission; NaN without any.
    emission, chosen : ndarray of int, shape (n,)
        How many pixels these are shares of.
    recall, precision : float
        Completeness and purity over all pixels.
    """

    bins: np.ndarray
    completeness: np.ndarray
    purity: np.ndarray
    emission: np.ndarray
    chosen: np.ndarray
    recall: float
    precision: float


def segmentation(
    sky: np.ndarray,
    image: np.ndarray,
    mask: np.ndarray,
    noise: float,
    bins: np.ndarray = SNR_BINS,
    diffuse: float = DIFFUSE,
) -> Segmentation:
    """Completeness and purity of a mask of emission against S/N.

    Parameters
    ----------
    sky, image : ndarray, shape (y, x)
    mask : ndarray of bool, shape (y, x)
        Such as ``image > DIFFUSE``, or ``probability > 0.5``.
    noise : float
        Of a pixel of the observed image, Jy/arcsec^2 (GV22 section 4.2: S/N is flux density over it).
    bins : ndarray
        Limits of S/N, rising.
    diffuse : float
        Flux density of the sky above which a pixel holds emission.
    """
    _same(sky, image)
    held = np.isfinite(sky) & np.isfinite(image)
    sky, image, mask = sky[held], image[held], mask[held]
    true = sky > diffuse
    both = true & mask
    emission, found = _counts(sky[true], noise, bins), _counts(sky[both], noise, bins)
    chosen, real = _counts(image[mask], noise, bins), _counts(image[both], noise, bins)
    completeness, purity = _shares(found, emission), _shares(real, chosen)
    recall, precision = (float(_shares(both.sum(), one.sum())) for one in (true, mask))
    return Segmentation(bins, completeness, purity, emission, chosen, recall, precision)


def _counts(values: np.ndarray, noise: float, bins: np.ndarray) -> np.ndarray:
    return np.histogram(values / noise, bins)[0]


def _shares(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(np.shape(whole), math.nan), where=whole > 0)


def largest_step(image: np.ndarray, reference: np.ndarray, borders: tuple[np.ndarray, np.ndarray]) -> float:
    """Largest jump of an image from one pixel to the next across a border of tiles.

    The sky has jumps of its own. So the jumps are those of the difference from the same image without these borders,
    denoised as one tile or with others.

    Parameters
    ----------
    image, reference : ndarray, shape (y, x)
    borders : tuple of ndarray of int
        First rows, and first columns, after a border: `cubefocus.denoise.tiles.Tiling.borders` of each axis.

    Returns
    -------
    float
        In the unit of the image; 0 without borders.
    """
    _same(image, reference)
    difference = image.astype(float) - reference.astype(float)
    largest = 0.0
    for axis, places in enumerate(borders):
        steps = np.abs(np.take(difference, places, axis) - np.take(difference, places - 1, axis))
        held = steps[np.isfinite(steps)]
        largest = max(largest, float(held.max())) if held.size else largest
    return largest


def _both(sky: np.ndarray, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values, in double precision, of the pixels that have data in both."""
    _same(sky, image)
    held = np.isfinite(sky) & np.isfinite(image)
    return sky[held].astype(float), image[held].astype(float)


def _same(sky: np.ndarray, image: np.ndarray) -> None:
    if sky.shape != image.shape:
        raise CubefocusError(f"the sky is of {sky.shape} pixels and the image of {image.shape}; give the same field")
