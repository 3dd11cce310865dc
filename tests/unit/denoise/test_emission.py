"""What the particles say of the gas, and how they shine by it."""

import numpy as np
import pytest

from cubefocus.denoise.emission import LUMINOSITY, luminosity, measure_gas

SIDE = 10.0
EVERY = np.arange(4000)


@pytest.fixture(scope="module")
def places():
    return np.random.default_rng(0).uniform(0.0, SIDE, (4000, 3)).astype(np.float32)


def test_the_density_of_an_even_distribution_is_1(places):
    gas = measure_gas(places, np.zeros_like(places), SIDE, EVERY)
    assert np.median(gas.density) == pytest.approx(1.0, abs=0.1)


def test_the_dispersion_is_that_of_the_velocities_along_an_axis(places):
    velocities = np.random.default_rng(1).normal(50.0, 300.0, places.shape).astype(np.float32)
    gas = measure_gas(places, velocities, SIDE, EVERY)
    assert np.sqrt((gas.dispersion**2).mean()) == pytest.approx(300.0, rel=0.02)
    assert gas.convergence.mean() == pytest.approx(0.0, abs=0.1)


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_matter_that_falls_in_converges(places, sign):
    """A flow v = -r about the middle, that is -div v = 3."""
    velocities = -sign * 100.0 * (places - 0.5 * SIDE)
    inner = np.flatnonzero(np.abs(places - 0.5 * SIDE).max(axis=1) < 3.0)
    gas = measure_gas(places, velocities, SIDE, inner)
    radius = (23.0 / (4.0 / 3.0 * np.pi * 4.0 * gas.density)) ** (1.0 / 3.0)
    assert gas.convergence * gas.dispersion / radius == pytest.approx(np.full(len(inner), sign * 300.0), rel=1e-3)


def test_neighbours_reach_across_the_edge_of_the_box(places):
    velocities = np.random.default_rng(2).normal(0.0, 100.0, places.shape).astype(np.float32)
    moved = (places + np.float32(3.7)) % np.float32(SIDE)
    here, there = (measure_gas(where, velocities, SIDE, EVERY) for where in (places, moved))
    assert there.density == pytest.approx(here.density, rel=1e-3)
    assert np.median(np.abs(there.dispersion / here.dispersion - 1.0)) < 1e-3


def test_power_goes_with_density_and_the_cube_of_dispersion():
    one = luminosity(np.array([1.0]), np.array([1000.0]), np.array([10.0]), 1.0)
    assert one == pytest.approx([LUMINOSITY])
    assert luminosity(np.array([3.0]), np.array([2000.0]), np.array([10.0]), 2.0) == pytest.approx(48.0 * one)


def test_what_flies_apart_is_dark():
    powers = luminosity(np.ones(3), np.full(3, 500.0), np.array([-4.0, 0.0, 4.0]), 1.0)
    assert powers[0] < 1e-3 * powers[2]
    assert powers[1] == pytest.approx(0.5 * powers[2], rel=1e-3)


def test_dense_hot_places_outshine_filaments(box, sheet):
    power = 10.0 ** sheet.emission.log_power.astype(float)
    order = np.sort(power.ravel())[::-1]
    assert order[: len(order) // 100].sum() > 0.5 * order.sum()
    assert np.isfinite(sheet.emission.log_power).all()
    assert (sheet.emission.sizes > 0).all()
