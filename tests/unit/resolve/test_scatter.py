"""The noise of visibilities is told by their own scatter, whatever their weights say, and whatever the sky is."""

from __future__ import annotations

import numpy as np
import pytest

from cubefocus.resolve.scatter import variance_factor

N_ANTENNAS, N_TIMES, FACTOR = 20, 60, 3.7
ANTENNA1, ANTENNA2 = (np.repeat(one, N_TIMES) for one in np.triu_indices(N_ANTENNAS, 1))
TIMES = np.tile(60.0 * np.arange(N_TIMES), N_ANTENNAS * (N_ANTENNAS - 1) // 2)


def noise(rng: np.random.Generator, weights: np.ndarray) -> np.ndarray:
    """Complex noise, its variance in each part `FACTOR` times that of the weights."""
    parts = rng.standard_normal((2, len(weights))) * np.sqrt(FACTOR / weights)
    return parts[0] + 1j * parts[1]


@pytest.mark.parametrize("turns", [0.0, 0.02, 0.1])
def test_factor_is_that_of_the_noise_beside_a_bright_source_off_centre(turns: float) -> None:
    """Its visibilities turn by so many rounds between integrations, slower on shorter baselines."""
    rng = np.random.default_rng(1)
    weights = rng.uniform(0.5, 2.0, len(TIMES))
    lengths = np.abs(ANTENNA1 - ANTENNA2) / N_ANTENNAS
    source = 5.0 * np.exp(2j * np.pi * turns * lengths * TIMES / 60.0)
    found = variance_factor(source + noise(rng, weights), weights, ANTENNA1, ANTENNA2, TIMES)
    assert found == pytest.approx(FACTOR, rel=0.06)


def test_few_integrations_give_no_lower_noise_than_many() -> None:
    """The lowest of several estimates would be low by chance."""
    rng, found = np.random.default_rng(2), []
    kept = TIMES < 240.0
    weights = np.ones(kept.sum())
    for _ in range(40):
        found.append(variance_factor(noise(rng, weights), weights, ANTENNA1[kept], ANTENNA2[kept], TIMES[kept]))
    assert np.mean(found) == pytest.approx(FACTOR, rel=0.03)


def test_order_of_rows_gaps_and_outliers_count_little() -> None:
    rng = np.random.default_rng(3)
    weights = np.ones(len(TIMES))
    times = TIMES + 1000.0 * (TIMES > 1800.0)
    visibilities = noise(rng, weights)
    visibilities[::100] += 1e4
    order = rng.permutation(len(times))
    found = variance_factor(*(one[order] for one in (visibilities, weights, ANTENNA1, ANTENNA2, times)))
    assert found == pytest.approx(FACTOR, rel=0.1)


@pytest.mark.parametrize("kept", [TIMES == 0.0, (TIMES < 180.0) & (ANTENNA1 < 1)])
def test_too_few_integrations_tell_nothing(kept: np.ndarray) -> None:
    rows = [one[kept] for one in (ANTENNA1, ANTENNA2, TIMES)]
    assert variance_factor(noise(np.random.default_rng(4), np.ones(kept.sum())), np.ones(kept.sum()), *rows) is None


def test_a_source_without_noise_has_no_scatter() -> None:
    assert variance_factor(np.ones(len(TIMES), complex), np.ones(len(TIMES)), ANTENNA1, ANTENNA2, TIMES) is None
