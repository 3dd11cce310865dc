"""Fronts and turbulence: random, of the flux and place that the image has."""

import numpy as np
import pytest

from cubefocus.denoise.fronts import FrontSettings, add_fronts, random_field


@pytest.fixture(scope="module")
def image():
    y, x = np.indices((160, 160)) - 79.5
    return 1e-4 * np.exp(-(x**2 + y**2) / (2.0 * 25.0**2))


def shown(image, seed=0, **changes):
    return add_fronts(image, 10.0, np.random.default_rng(seed), FrontSettings(**changes))


def test_flux_is_kept_and_nothing_is_negative(image):
    fronts = shown(image)
    assert fronts.sum() == pytest.approx(image.sum(), rel=1e-6)
    assert fronts.min() >= 0.0
    assert np.abs(np.log(fronts / image)).std() > 0.1


def test_the_seed_decides(image):
    assert np.array_equal(shown(image), shown(image))
    assert not np.allclose(shown(image), shown(image, seed=1), rtol=0.1)


def test_without_fronts_and_turbulence_the_image_stays(image):
    assert shown(image, strength=0.0, turbulence=0.0) == pytest.approx(image, rel=1e-6)


def test_fronts_are_sharp_outside_and_fade_inwards(image):
    """Along a radius, the steepest step down outwards is steeper than any step up."""
    ratio = shown(image, turbulence=0.0, wobble=0.0, strength=1.0) / image
    steps = np.diff(np.log(ratio[80, 80:150]))
    assert -steps.min() > 2.0 * steps.max() > 0.0


def test_a_dark_image_stays_dark():
    assert shown(np.zeros((20, 20))).max() == 0.0


@pytest.mark.parametrize("n", [64, 65])
def test_a_random_field_has_its_slope_and_its_deviation(n):
    values = random_field(n, 1e6, -3.0, np.random.default_rng(0))
    assert values.shape == (n, n)
    assert values.std() == pytest.approx(1.0, rel=1e-4)
    assert values.mean() == pytest.approx(0.0, abs=1e-3)
    k = np.hypot(np.fft.fftfreq(n)[:, None], np.fft.rfftfreq(n)[None])
    power = np.abs(np.fft.rfft2(values)) ** 2
    large, small = (power[(k > low) & (k < 1.5 * low)].mean() for low in (0.05, 0.2))
    assert np.log(small / large) / np.log(4.0) == pytest.approx(-3.0, abs=0.5)
