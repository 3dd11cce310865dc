"""Images of Gaussians: flux, place and width."""

import numpy as np
import pytest

from cubefocus.denoise.splat import RATIO, SMALLEST, splat


def one(x, y, sigma, n=101, flux=2.0):
    return splat(np.array([x]), np.array([y]), np.array([flux]), np.array([sigma]), n)


@pytest.mark.parametrize("sigma", [0.1, 1.5, 2.1, 4.3, 9.7])
def test_flux_place_and_width_are_kept(sigma):
    image = one(48.3, 53.8, sigma)
    assert image.sum() == pytest.approx(2.0, rel=1e-4)
    y, x = np.indices(image.shape)
    centre = [(image * axis).sum() / image.sum() for axis in (x, y)]
    assert centre == pytest.approx([48.3, 53.8], abs=1e-2)
    variance = (image * (x - centre[0]) ** 2).sum() / image.sum() - 1.0 / 12.0
    width = np.sqrt(variance) / max(sigma, SMALLEST)
    assert 0.97 / RATIO**0.5 < width < 1.03 * RATIO**0.5


def test_nothing_is_negative_and_many_are_the_sum_of_each():
    rng = np.random.default_rng(0)
    x, y, sigma = rng.uniform(-20, 60, 30), rng.uniform(-20, 60, 30), rng.uniform(0.5, 12.0, 30)
    flux = rng.uniform(0.0, 1.0, 30)
    image = splat(x, y, flux, sigma, 40)
    assert image.min() >= 0.0
    each = sum(one(*values[:3], n=40, flux=values[3]) for values in zip(x, y, sigma, flux, strict=True))
    assert image == pytest.approx(each, abs=1e-12)


def test_what_is_far_outside_is_not_seen_and_nothing_gives_nothing():
    assert one(-40.0, 5.0, 2.0, n=20).max() == 0.0
    assert splat(*np.zeros((4, 0)), 20).max() == 0.0


def test_half_of_a_gaussian_on_the_edge_is_seen():
    assert one(-0.5, 30.0, 3.0, n=61).sum() == pytest.approx(1.0, rel=1e-3)
