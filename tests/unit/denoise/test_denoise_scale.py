"""Scales of flux density: there and back."""

import numpy as np
import pytest
import torch

from cubefocus.denoise.scale import FLOOR, LogScale, from_asinh, to_asinh


@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy])
def test_the_papers_scale_is_0_to_1_and_comes_back_above_the_floor(kind):
    flux = np.logspace(-8, -3, 101)
    scale = LogScale.of(flux)
    scaled = scale.apply(kind(flux))
    assert (float(scaled.min()), float(scaled.max())) == pytest.approx((0, 1), abs=1e-12)
    assert np.allclose(scale.invert(scaled), flux, rtol=1e-12, atol=0)
    assert np.allclose(np.diff(np.asarray(scaled)), 0.01)


def test_what_is_below_the_floor_becomes_the_floor():
    scale = LogScale.between(-1e-5, 1e-4)
    assert scale.low == pytest.approx(-8)
    assert np.array_equal(scale.apply(np.array([-1.0, 0.0, FLOOR])), np.zeros(3))
    assert np.allclose(scale.invert(np.array([-0.5, 0.0])), FLOOR)


def test_a_faintest_pixel_above_the_floor_is_0():
    assert LogScale.of(np.array([1e-6, 1e-4])).apply(np.array([1e-6])) == pytest.approx(0)


@pytest.mark.parametrize("image", [[0.0, -1.0], [np.nan], [np.inf, 0.0]])
def test_an_image_of_nothing_is_0(image):
    scale = LogScale.of(np.array(image))
    assert scale.apply(np.zeros(2)).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy])
def test_the_asinh_scale_is_linear_in_the_noise_and_logarithmic_above_it(kind):
    flux = np.array([-1e-4, -1e-7, 0.0, 1e-7, 1e-6, 1e-5, 1e-3])
    compressed = to_asinh(kind(flux), 2.45e-6)
    assert np.allclose(from_asinh(compressed, 2.45e-6), flux, rtol=1e-12, atol=0)
    values = np.asarray(compressed)
    assert values[3] == pytest.approx(1e-7 / 2.45e-6, rel=1e-3)
    assert values[6] == pytest.approx(np.log(2 * 1e-3 / 2.45e-6), rel=1e-5)
