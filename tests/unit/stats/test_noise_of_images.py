"""Noise of cubes with blanks."""

import numpy as np
import pytest

from cubefocus.stats.noise import thermal_rms

SIGMA = 1.7


@pytest.fixture
def data():
    return np.random.default_rng(8).normal(scale=SIGMA, size=(24, 48, 48)).astype(np.float32)


@pytest.mark.parametrize("blank", [[0], [5], [23], list(range(0, 24, 2)), list(range(10))])
def test_blank_channels_leave_the_noise_of_the_others(data, blank):
    data[blank] = np.nan
    assert thermal_rms(data) == pytest.approx(SIGMA, rel=0.02)


def test_pixels_that_are_all_blank_in_some_channel_leave_the_noise(data):
    for number in range(24):
        data[number, 2 * number : 2 * number + 2] = np.nan  # another stripe in each channel
    assert thermal_rms(data) == pytest.approx(SIGMA, rel=0.04)


def test_blank_pixels_leave_the_noise(data):
    data[:, :20] = np.nan
    assert thermal_rms(data) == pytest.approx(SIGMA, rel=0.02)


def test_nothing_has_no_noise():
    assert thermal_rms(np.full((8, 4, 4), np.nan)) == 0.0
