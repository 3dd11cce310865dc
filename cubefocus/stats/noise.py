"""Noise of images and cubes, robust against what else they hold."""

from __future__ import annotations

import math

import numpy as np

MAD_TO_SIGMA = 1.482602218505602  # standard deviation of a normal distribution over its median absolute deviation
MAD_SCATTER = 1.17  # scatter of a `robust_width` of n normal values, relative and times the root of n

LEAST_COMPLETE = 0.25  # share of the pixels with data that must hold it in every channel to stand for all of them


def thermal_rms(data: np.ndarray) -> float:
    """Measure the noise of a dirty cube per voxel, whatever sources it holds.

    Each channel is compared with the mean of its two neighbours: what is smooth along frequency, sources and their
    sidelobes with it, cancels, and noise with standard deviation s leaves sqrt(3/2) s. Only the half of the pixels
    that is faintest on the integrated image is looked at: such a difference is not correlated with the sum over
    channels, so the choice does not bias the noise. A line's sidelobes spoil few channels, so the median over
    channels is taken of a robust width over pixels.

    Parameters
    ----------
    data : ndarray, shape (channel, y, x)
        Jy/beam, NaN where not imaged. Channels without data are left out, as if those beside them were neighbours.
        With two channels their difference is used, with one the image itself.

    Returns
    -------
    float
        Jy/beam; 0 for a cube without a finite voxel.
    """
    held = np.array([bool(np.isfinite(plane).any()) for plane in data])
    if not held.all():
        data = data[held]
    if len(data) == 0:
        return 0.0
    if data.shape[0] >= 3:
        rest, factor = data[1:-1] - 0.5 * (data[:-2] + data[2:]), math.sqrt(1.5)
    elif data.shape[0] == 2:
        rest, factor = data[1:] - data[:-1], math.sqrt(2.0)
    else:
        rest, factor = data, 1.0
    seen = np.isfinite(rest).all(axis=0)
    if seen.sum() < LEAST_COMPLETE * np.isfinite(data).any(axis=0).sum():
        return _width_in_gaps(data, rest) / factor
    if data.shape[0] > 1 and seen.any():
        total = np.abs(data.sum(axis=0, dtype=np.float64))
        seen &= total <= np.median(total[seen])
    widths = [robust_width(plane[seen]) if seen.any() else 0.0 for plane in rest]
    return float(np.median(widths)) / factor


def _width_in_gaps(data: np.ndarray, rest: np.ndarray) -> float:
    """Width of the differences where few pixels hold data in all channels: each plane with the pixels that it has."""
    finite = np.isfinite(data)
    mean = np.abs(np.where(finite, data, 0.0).sum(axis=0, dtype=np.float64)) / np.maximum(finite.sum(axis=0), 1)
    faint = finite.any(axis=0) & (mean <= np.median(mean[finite.any(axis=0)]))
    widths = [robust_width(plane[faint & np.isfinite(plane)]) for plane in rest]
    measured = [width for width in widths if width > 0]
    return float(np.median(measured)) if measured else 0.0


def robust_width(values: np.ndarray, level: float | None = None) -> float:
    """Standard deviation of the noise in values: 1.4826 times their median absolute deviation.

    The one robust width of the package; what uses it differs only in the pixels that it looks at.

    Parameters
    ----------
    values : ndarray
        Of any shape, without NaN.
    level : float, optional
        What the deviations count from; the median of the values if None.

    Returns
    -------
    float
        In the unit of the values; NaN if there are none.
    """
    if values.size == 0:
        return math.nan
    return MAD_TO_SIGMA * float(median(np.abs(values - (median(values) if level is None else level))))


def noise_of(values: np.ndarray, measure: str = "std") -> float:
    """Noise of a set of pixels, NaN left out.

    Parameters
    ----------
    values : ndarray
    measure : {"std", "var", "mad"}
        Standard deviation; variance, as the paper prints it, which depends on the unit; or 1.4826 times the median
        absolute deviation, which other sources in the pixels hardly move.
    """
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return math.nan
    if measure == "mad":
        return robust_width(finite)
    finite = finite.astype(np.float64)
    return float(finite.var() if measure == "var" else finite.std())


def median(values: np.ndarray) -> np.floating:
    """Median of values without NaN, at least one, as `numpy.median` gives it but ten times faster.

    That one looks for several elements at once, and for NaN; numpy is fastest when it is asked for a single one.
    """
    half = values.size // 2
    parts = np.partition(values, half, axis=None)
    if values.size % 2:
        return parts[half]
    return np.mean([parts[:half].max(), parts[half]], dtype=values.dtype)


def background(pixels: np.ndarray) -> tuple[float, float]:
    """Median of pixels and their `robust_width` about it, blind to the few that hold a source; NaN without pixels."""
    if pixels.size == 0:
        return math.nan, math.nan
    level = float(median(pixels))
    return level, robust_width(pixels, level)
