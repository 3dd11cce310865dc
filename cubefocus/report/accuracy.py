"""How far residuals are above the limit of the noise, whether stated errors hold, and intervals of both."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from cubefocus.report.parameters import Residuals
from cubefocus.settings import EvaluationSettings
from cubefocus.stats.intervals import bootstrap_rows, wilson

COVERAGES = {"coverage_68": 1.0, "coverage_95": 1.96}
"""How many stated errors hold this share of the residuals if they are normal and the errors right."""


def over_limit(residuals: np.ndarray, limits: np.ndarray) -> float:
    """Standard deviation of residuals over the rms of the limits, where these are known; NaN where none is."""
    known = np.isfinite(limits)
    least = rms(limits[known])
    return float(residuals[known].std()) / least if least > 0 else math.nan


def rms(values: np.ndarray) -> float:
    """Root of the mean square; NaN without values."""
    return float(np.sqrt(np.mean(values**2))) if values.size else math.nan


def share(name: str, hits: np.ndarray, level: float) -> dict[str, float]:
    """Share of the trials that hit, and the ends of Wilson's interval (``_lo``, ``_hi``); NaN without trials."""
    total, count = hits.size, int(hits.sum())
    low, high = wilson(count, total, level)
    return {name: count / total if total else math.nan, f"{name}_lo": float(low), f"{name}_hi": float(high)}


def coverage(measured: Residuals, level: float) -> dict[str, float]:
    """Shares of the residuals that are within 1 and 1.96 stated errors, with their intervals; NaN without any."""
    pulls = np.abs(measured.pulls)
    row: dict[str, float] = {}
    for name, errors in COVERAGES.items():
        row |= share(name, pulls <= errors, level)
    return row


def with_ends(
    names: Sequence[str],
    statistic: Callable[[np.ndarray], np.ndarray],
    values: np.ndarray,
    cubes: np.ndarray,
    settings: EvaluationSettings,
    rng: np.random.Generator,
) -> dict[str, float]:
    """Statistics of sources, and the ends of their bootstrap intervals (``_lo``, ``_hi``); NaN without sources.

    Parameters
    ----------
    names : sequence of str
    statistic : callable
        From values of shape (n, ...), n at least 1, to an array of one number a name.
    values : ndarray, shape (n, ...)
    cubes : ndarray of int, shape (n,)
        Cube of each source; whole cubes are drawn.
    settings : EvaluationSettings
    rng : numpy.random.Generator
    """
    centre = low = high = np.full(len(names), np.nan)
    if len(values):
        centre = statistic(values)
        low, high = bootstrap_rows(statistic, values, cubes, rng, settings.bootstrap, settings.interval)
    row: dict[str, float] = {}
    for name, value, lo, hi in zip(names, centre, low, high, strict=True):
        row |= {name: float(value), f"{name}_lo": float(lo), f"{name}_hi": float(hi)}
    return row
