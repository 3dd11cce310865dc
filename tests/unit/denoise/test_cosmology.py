"""Expansion, growth and power spectrum against other routes to the same numbers."""

import math

import numpy as np
import pytest
from scipy.special import hyp2f1, spherical_jn

from cubefocus.denoise.cosmology import Cosmology

COSMOLOGY = Cosmology()


def test_the_power_spectrum_has_its_sigma_8():
    """On an even grid of wavenumbers, with a spherical Bessel function for the window."""
    k = np.linspace(1e-5, 40.0, 400_001)
    x = k * 8.0 / COSMOLOGY.h
    integrand = k**2 * COSMOLOGY.power(k) * (3.0 * spherical_jn(1, x) / x) ** 2 / (2.0 * math.pi**2)
    assert math.sqrt(np.trapezoid(integrand, k)) == pytest.approx(0.815, rel=1e-3)


@pytest.mark.parametrize("a", [0.02, 0.1, 0.5, 0.9])
def test_growth_is_the_hypergeometric_function_of_a_flat_universe(a):
    def growing(a):
        return a * hyp2f1(1 / 3, 1.0, 11 / 6, -(a**3) * COSMOLOGY.omega_l / COSMOLOGY.omega_m)

    assert COSMOLOGY.growth(a) == pytest.approx(growing(a) / growing(1.0), rel=1e-6)


@pytest.mark.parametrize("a", [0.03, 0.3, 1.0])
def test_the_growth_rate_is_the_slope_of_growth(a):
    step = 1e-4
    slope = math.log(COSMOLOGY.growth(a * (1 + step)) / COSMOLOGY.growth(a * (1 - step))) / (2 * step)
    assert COSMOLOGY.growth_rate(a) == pytest.approx(slope, rel=1e-5)
    omega = COSMOLOGY.omega_m / a**3 / COSMOLOGY.expansion(a) ** 2
    assert COSMOLOGY.growth_rate(a) == pytest.approx(omega**0.55, rel=0.01)  # Linder (2005)


def test_without_a_cosmological_constant_growth_is_the_scale_factor():
    matter = Cosmology(omega_m=1.0, omega_l=0.0)
    assert [matter.growth(a) for a in (0.05, 0.4)] == pytest.approx([0.05, 0.4], rel=1e-6)
    assert matter.growth_rate(0.2) == pytest.approx(1.0, rel=1e-6)


def test_the_transfer_function_goes_from_1_to_the_slope_of_small_scales():
    assert COSMOLOGY.transfer(1e-6) == pytest.approx(1.0, abs=1e-4)
    low, high = COSMOLOGY.transfer(np.array([50.0, 100.0]))
    assert math.log(high / low) / math.log(2.0) == pytest.approx(-2.0, abs=0.2)  # ln(k) / k^2


def test_power_turns_over_at_the_horizon_of_equality():
    k = np.geomspace(1e-3, 1.0, 600)
    peak = k[np.argmax(COSMOLOGY.power(k))]
    equality = 0.0746 * COSMOLOGY.omega_m * COSMOLOGY.h**2 / (2.7255 / 2.7) ** 2  # Eisenstein & Hu (1998), eq. 3
    assert equality < peak < 2.0 * equality


def test_the_expansion_is_that_of_astropy():
    assert COSMOLOGY.expansion(1 / 1.7) == pytest.approx(float(COSMOLOGY.distances.efunc(0.7)), rel=1e-12)
