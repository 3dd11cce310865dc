"""One robust width: normal noise has its standard deviation, whatever few sources lie in it."""

import math

import numpy as np
import pytest

from cubefocus.stats.noise import background, noise_of, robust_width


def noise(dtype):
    return np.random.default_rng(4).normal(3.0, 2.0, (200, 200)).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_normal_noise_with_bright_sources_has_its_standard_deviation(dtype):
    values = noise(dtype)
    values[:4] = 1e4  # 2 % of the pixels
    assert robust_width(values) == pytest.approx(2.0, rel=0.05)
    assert robust_width(1e-3 * values) == pytest.approx(1e-3 * robust_width(values), rel=1e-6)
    assert robust_width(values + 5) == pytest.approx(robust_width(values), rel=1e-5)


def test_all_that_measure_it_give_the_same():
    values = noise(np.float32)
    blank = values.copy()
    blank[:, :100] = np.nan
    assert noise_of(values, "mad") == background(values)[1] == robust_width(values)
    assert noise_of(blank, "mad") == robust_width(values[:, 100:])
    assert background(values)[0] == np.median(values)


def test_deviations_may_count_from_another_level():
    assert robust_width(np.array([1.0, 2.0, 3.0]), 0.0) == pytest.approx(
        2 * robust_width(np.array([1.0, 3.0, 2.0, 0.0]))
    )


def test_no_values_have_no_width():
    assert math.isnan(robust_width(np.empty(0)))
    assert np.isnan(background(np.empty(0))).all()
