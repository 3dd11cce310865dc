"""Noise of visibilities by their own scatter, where the weights of a Measurement Set say nothing of it."""

from __future__ import annotations

import math

import numpy as np

ORDERS = (1, 2, 3)
LEAST = 100  # differences that a noise is told of
LONGEST = 1.5  # steps of the clock; a longer interval is a gap
MEDIAN = 2.0 * math.log(2.0)  # of chi2 of two degrees of freedom
SPREAD = 1.0 / math.log(2.0)  # standard error of that median, over the median, of one number
CHANCE = 3.0  # standard errors by which a higher order must be lower


def variance_factor(
    visibilities: np.ndarray, weights: np.ndarray, antenna1: np.ndarray, antenna2: np.ndarray, time_s: np.ndarray
) -> float | None:
    """By what the variance of visibilities is larger than 1 / weight.

    Measured by differences of successive integrations of a baseline, by their median, so that outliers count little. A
    source far from the phase centre changes between integrations, too, and less in differences of higher order unless
    they reach too far. So a higher order is taken where its variance is lower, by more than chance.

    Parameters
    ----------
    visibilities : ndarray of complex, shape (row,)
    weights : ndarray, shape (row,)
        1 / variance of the real, and of the imaginary, part, but for a factor.
    antenna1, antenna2 : ndarray of int, shape (row,)
    time_s : ndarray, shape (row,)

    Returns
    -------
    float or None
        None where there are too few integrations, or no scatter.
    """
    order = np.lexsort((time_s, antenna2, antenna1))
    visibilities, weights, time_s = visibilities[order], weights[order], time_s[order]
    same = (np.diff(antenna1[order]) == 0) & (np.diff(antenna2[order]) == 0)
    steps = np.diff(time_s)
    following = same & (steps > 0)
    if not following.any():
        return None
    following &= steps <= LONGEST * np.median(steps[following])
    best: float | None = None
    for each in ORDERS:
        value, error = _factor(visibilities, weights, following, each)
        if best is None or value < best * (1.0 - CHANCE * error):
            best = value
    return best if best and np.isfinite(best) else None


def _factor(visibilities: np.ndarray, weights: np.ndarray, following: np.ndarray, order: int) -> tuple[float, float]:
    """The same from differences of one order, infinite where there are too few, and its relative standard error."""
    places = np.arange(len(visibilities) - order)
    for step in range(order):
        places = places[following[places + step]]
    if len(places) < LEAST:
        return math.inf, 0.0
    terms = [(-1) ** step * math.comb(order, step) for step in range(order + 1)]
    difference = sum(term * visibilities[places + step] for step, term in enumerate(terms))
    variance = sum(term**2 / weights[places + step] for step, term in enumerate(terms))
    return float(np.median(np.abs(difference) ** 2 / variance) / MEDIAN), SPREAD / math.sqrt(len(places))
