"""Intervals against published values and against closed forms."""

import numpy as np
import pytest

from cubefocus.stats.intervals import bootstrap_rows, bootstrap_sums, wilson


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_the_values_of_newcombe_1998(successes, trials, low, high):
    """Newcombe 1998, Statistics in Medicine 17, 857, Table I, method 3 (score, 95 %)."""
    assert np.round(wilson(successes, trials, 0.95), 4) == pytest.approx([low, high])


def test_wilson_never_leaves_zero_to_one_and_reaches_the_ends():
    low, high = wilson([0, 5], [5, 5])
    assert low[0] == 0.0
    assert 0.0 < high[0] < 0.3
    assert high[1] == 1.0


def test_wilson_without_trials_is_nan():
    low, high = wilson(0, 0)
    assert np.isnan(low)
    assert np.isnan(high)


def test_bootstrap_is_reproducible_and_depends_on_the_seed():
    values, cubes = np.random.default_rng(0).normal(size=90), np.repeat(np.arange(30), 3)

    def run(seed):
        return bootstrap_rows(np.mean, values, cubes, np.random.default_rng(seed), 200)

    assert run(1) == run(1)
    assert run(1) != run(2)


def test_bootstrap_of_a_mean_has_the_width_of_its_standard_error():
    values = np.random.default_rng(5).normal(2.0, 3.0, size=400)
    low, high = bootstrap_rows(np.mean, values, np.arange(400), np.random.default_rng(6), 2000)
    assert low < values.mean() < high
    assert high - low == pytest.approx(2 * 0.994 * values.std() / 20.0, rel=0.1)


def test_bootstrap_over_cubes_knows_that_sources_of_a_cube_belong_together():
    per_cube = np.random.default_rng(7).normal(size=50)
    values, cubes = np.repeat(per_cube, 8), np.repeat(np.arange(50), 8)
    together = np.diff(bootstrap_rows(np.mean, values, cubes, np.random.default_rng(8)), axis=0)
    apart = np.diff(bootstrap_rows(np.mean, values, np.arange(400), np.random.default_rng(8)), axis=0)
    assert together == pytest.approx(np.sqrt(8) * apart, rel=0.2)


def test_bootstrap_of_sums_agrees_with_that_of_rows():
    values = np.random.default_rng(9).normal(1.0, 1.0, size=60)
    sums = np.column_stack([values, np.ones(60)])
    a = bootstrap_sums(lambda s: s[:, :1] / s[:, 1:], sums, np.random.default_rng(1), 500)
    b = bootstrap_rows(np.mean, values, np.arange(60), np.random.default_rng(1), 500)
    assert np.ravel(a) == pytest.approx(np.ravel(b))


def test_one_cube_has_no_scatter_between_cubes():
    low, high = bootstrap_rows(np.mean, np.arange(5.0), np.zeros(5, dtype=int), np.random.default_rng(0))
    assert np.isnan([low, high]).all()
