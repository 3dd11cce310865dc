"""Intervals: Wilson's for fractions, the bootstrap over cubes for everything else."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm


def wilson(successes: ArrayLike, trials: ArrayLike, level: float = 0.68) -> tuple[np.ndarray, np.ndarray]:
    """Score interval of a binomial fraction (Wilson 1927, J. Am. Stat. Assoc. 22, 209).

    Parameters
    ----------
    successes, trials : array_like of int
        Broadcast against each other.
    level : float
        Probability that the interval covers the true fraction.

    Returns
    -------
    low, high : ndarray
        Within [0, 1]; NaN where there were no trials.
    """
    k, n = np.broadcast_arrays(np.asarray(successes, dtype=float), np.asarray(trials, dtype=float))
    z = norm.ppf(0.5 + level / 2.0)
    safe = np.where(n > 0, n, 1.0)
    fraction = k / safe
    centre = (fraction + z**2 / (2.0 * safe)) / (1.0 + z**2 / safe)
    half = z / (1.0 + z**2 / safe) * np.sqrt(fraction * (1.0 - fraction) / safe + z**2 / (4.0 * safe**2))
    # At 0 and at n successes the exact ends are 0 and 1; rounding puts them a hair beside.
    low = np.where(k == 0, 0.0, np.maximum(centre - half, 0.0))
    high = np.where(k == n, 1.0, np.minimum(centre + half, 1.0))
    return np.where(n > 0, low, np.nan), np.where(n > 0, high, np.nan)


def resample(n_cubes: int, rng: np.random.Generator, repeats: int = 1000) -> np.ndarray:
    """How often each cube is drawn in each bootstrap repeat, int, shape (repeats, n_cubes); rows sum to n_cubes.

    Cubes and not sources are drawn, because the sources of one cube share its noise and its blends.
    """
    return rng.multinomial(n_cubes, np.full(n_cubes, 1.0 / n_cubes), size=repeats)


def percentile_interval(samples: np.ndarray, level: float = 0.68) -> tuple[np.ndarray, np.ndarray]:
    """Central interval of bootstrap samples of shape (repeats, ...) along the first axis.

    Samples that are not finite (a statistic without meaning in that repeat) are left out; NaN if none is left.
    """
    flat = samples.reshape(len(samples), -1)
    ends = np.full((2, flat.shape[1]), np.nan)
    for i, values in enumerate(flat.T):
        values = values[np.isfinite(values)]
        if values.size:
            ends[:, i] = np.quantile(values, [0.5 - level / 2.0, 0.5 + level / 2.0])
    low, high = ends.reshape(2, *samples.shape[1:])
    return low, high


def bootstrap_sums(
    statistic: Callable[[np.ndarray], np.ndarray],
    per_cube: np.ndarray,
    rng: np.random.Generator,
    repeats: int = 1000,
    level: float = 0.68,
) -> tuple[np.ndarray, np.ndarray]:
    """Interval of a statistic of sums over cubes (such as F1, which is made of counts).

    Parameters
    ----------
    statistic : callable
        From summed counts of shape (repeats, n_sums) to values of shape (repeats, ...).
    per_cube : ndarray, shape (n_cubes, n_sums)
    rng : numpy.random.Generator
    repeats : int
    level : float

    Returns
    -------
    low, high : ndarray
        NaN with fewer than two cubes, from which no scatter between cubes can be seen.
    """
    n_cubes = len(per_cube)
    shape = statistic(per_cube.sum(axis=0, keepdims=True)).shape[1:]
    if n_cubes < 2:
        return np.full(shape, np.nan), np.full(shape, np.nan)
    return percentile_interval(statistic(resample(n_cubes, rng, repeats) @ per_cube), level)


def bootstrap_rows(
    statistic: Callable[[np.ndarray], np.ndarray],
    values: np.ndarray,
    cubes: np.ndarray,
    rng: np.random.Generator,
    repeats: int = 1000,
    level: float = 0.68,
) -> tuple[np.ndarray, np.ndarray]:
    """Interval of a statistic of the sources (such as a median), drawing whole cubes.

    Parameters
    ----------
    statistic : callable
        From values of shape (n, ...) to an array; called with at least one row.
    values : ndarray, shape (n_sources, ...)
    cubes : ndarray of int, shape (n_sources,)
        Cube id of each source. Cubes without a source carry nothing of the statistic and are not drawn.
    rng : numpy.random.Generator
    repeats : int
    level : float

    Returns
    -------
    low, high : ndarray
        NaN with fewer than two cubes.
    """
    ids, index = np.unique(cubes, return_inverse=True)
    if ids.size == 0:
        raise ValueError("no sources to draw from")
    shape = np.shape(statistic(values))
    if ids.size < 2:
        return np.full(shape, np.nan), np.full(shape, np.nan)
    draws = resample(ids.size, rng, repeats)[:, index]
    rows = np.arange(len(values))
    return percentile_interval(np.array([statistic(values[np.repeat(rows, draw)]) for draw in draws]), level)
