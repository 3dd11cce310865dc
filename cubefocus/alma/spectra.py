"""Step 3: cleaned spectra, their peaks and line ranges (MNRAS 4.4 ii)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from cubefocus.alma.rows import Line
from cubefocus.cube.cutouts import line_free, standardise
from cubefocus.cube.scale import SIGMA_TO_FWHM
from cubefocus.settings import SpectraSettings

PredictSpectra = Callable[[np.ndarray], np.ndarray]

MOST_STEPS = 100


def clean_spectra(spectra: np.ndarray, predict: PredictSpectra, n_trained: int | None) -> np.ndarray:
    """Denoise the spectra of all candidates in one pass.

    Parameters
    ----------
    spectra : ndarray, shape (n, channel)
        Dirty spectra summed over boxes.
    predict : callable
        Takes standardised spectra (n, n_trained), gives cleaned ones in [0, 1].
    n_trained : int or None
        Number of channels that ``predict`` takes; None if it takes any.

    Returns
    -------
    ndarray, shape (n, channel)

    Notes
    -----
    A spectrum of another length is resampled to the trained one and its cleaned form back: the network then sees
    lines wider or narrower, in channels, than they are, so results far from the trained length deserve distrust.
    """
    if len(spectra) == 0:
        return np.zeros_like(spectra)
    n_channels = spectra.shape[1]
    trained = spectra if n_trained is None else resample(spectra, n_trained)
    return resample(np.asarray(predict(standardise(trained))), n_channels)


def resample(spectra: np.ndarray, n_channels: int) -> np.ndarray:
    """Bring spectra (n, channel) to another number of channels over the same band.

    Fewer channels are averages over the old ones, so that no narrow line falls between samples; more channels are
    interpolated linearly between channel centres.
    """
    old = spectra.shape[1]
    if old == n_channels:
        return spectra
    if n_channels > old:
        at = np.clip((np.arange(n_channels) + 0.5) * old / n_channels - 0.5, 0, old - 1)
        low = np.minimum(at.astype(int), old - 2)
        part = at - low
        return spectra[:, low] * (1 - part) + spectra[:, low + 1] * part
    sums = np.concatenate([np.zeros((len(spectra), 1)), np.cumsum(spectra, axis=1, dtype=np.float64)], axis=1)
    edges = np.linspace(0, old, n_channels + 1)
    low = np.minimum(edges.astype(int), old - 1)
    at_edges = sums[:, low] + (edges - low) * (sums[:, low + 1] - sums[:, low])
    return np.diff(at_edges, axis=1) * n_channels / old


def line_free_level(spectrum: np.ndarray, lines: Sequence[Line]) -> float:
    """Mean of the channels with data outside the ranges of lines; the least of a spectrum that has none outside."""
    free = np.isfinite(spectrum)
    if lines:
        free &= line_free(np.array([line.range for line in lines]), len(spectrum))
    if free.any():
        return float(spectrum[free].mean(dtype=np.float64))
    return float(np.nanmin(spectrum)) if np.isfinite(spectrum).any() else 0.0


def find_lines(clean: np.ndarray, settings: SpectraSettings) -> list[Line]:
    """Find the peaks of a cleaned spectrum and fit a Gaussian to each.

    Parameters
    ----------
    clean : ndarray, shape (channel,)
        In [0, 1].
    settings : SpectraSettings

    Returns
    -------
    list of Line
        Highest first. Peaks in the first and the last channel count as well. Each fit sees the channels between
        the lowest points on both sides of its peak.
    """
    from scipy.signal import find_peaks, peak_widths  # as `leastsq` below

    # A rim as low as the spectrum's lowest value makes a border channel a peak if it stands out, but not a flat one.
    padded = np.pad(clean.astype(float), 1, constant_values=float(clean.min()))
    peaks, _ = find_peaks(padded, height=settings.peak_height, prominence=settings.peak_prominence or None)
    if len(peaks) == 0:
        return []
    widths = peak_widths(padded, peaks, rel_height=0.5)[0]
    positions = peaks - 1
    lines = []
    for number, (position, width) in enumerate(zip(positions, widths, strict=True)):
        left = positions[number - 1] if number else None
        right = positions[number + 1] if number + 1 < len(positions) else None
        window = _window(clean, left, position, right)
        lines.append(_fit(clean, window, int(position), float(max(width, 1.0))))
    return sorted(lines, key=lambda line: -line.height)


def _window(clean: np.ndarray, left: int | None, position: int, right: int | None) -> slice:
    """Channels between the valleys towards the neighbouring peaks, at least two on either side if the band has them."""
    start = 0 if left is None else left + int(np.argmin(clean[left : position + 1]))
    stop = len(clean) - 1 if right is None else position + int(np.argmin(clean[position : right + 1]))
    return slice(max(min(start, position - 2), 0), min(max(stop, position + 2), len(clean) - 1) + 1)


def _fit(clean: np.ndarray, window: slice, position: int, width: float) -> Line:
    """Gaussian fit by Levenberg-Marquardt; a fit that leaves its window is replaced by what was read off the peak."""
    height = float(clean[position])
    channels = np.arange(window.start, window.stop, dtype=float)
    start = (height, float(position), width / SIGMA_TO_FWHM)
    (amplitude, z, sigma), errors, converged = _least_squares(channels, clean[window].astype(float), start)
    fwhm = abs(sigma) * SIGMA_TO_FWHM
    inside = channels[0] - 0.5 <= z <= channels[-1] + 0.5 and 0.5 <= fwhm <= 2 * len(channels)
    if not converged or not inside or amplitude <= 0:
        return Line(float(position), width, height, fitted=False)
    return Line(z, fwhm, height, errors[1], errors[2] * SIGMA_TO_FWHM)


def _least_squares(
    x: np.ndarray, values: np.ndarray, start: tuple[float, float, float]
) -> tuple[list[float], list[float], bool]:
    """Amplitude, mean and standard deviation of the Gaussian through some values, their errors, and if it converged.

    MINPACK is called directly: a model and a fitter of astropy take five times as long as the fit. An error is NaN
    where the covariance says nothing, as with three values for three parameters.
    """

    def residual(parameters: np.ndarray) -> np.ndarray:
        amplitude, mean, sigma = parameters
        return amplitude * np.exp(-0.5 * ((x - mean) / sigma) ** 2) - values

    def jacobian(parameters: np.ndarray) -> np.ndarray:
        amplitude, mean, sigma = parameters
        scaled = (x - mean) / sigma
        shape = np.exp(-0.5 * scaled**2)
        along = amplitude / sigma * shape * scaled
        return np.stack([shape, along, along * scaled])

    from scipy.optimize import leastsq  # takes half a second, and not all that import this come here

    with np.errstate(all="ignore"):  # a step far off is refused by the algorithm
        best, covariance, info, _, code = leastsq(
            residual, start, Dfun=jacobian, col_deriv=True, full_output=True, maxfev=MOST_STEPS, xtol=1e-7
        )
    errors = np.full(3, np.nan)
    if covariance is not None and len(x) > len(start):
        variances = np.diag(covariance) * (info["fvec"] ** 2).sum() / (len(x) - len(start))
        errors[variances > 0] = np.sqrt(variances[variances > 0])
    return best.tolist(), errors.tolist(), code in (1, 2, 3, 4)
