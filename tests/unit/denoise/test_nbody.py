"""Particle-mesh runs: linear growth, what is conserved, and what the seed decides."""

import dataclasses
import math

import numpy as np
import pytest
from scipy import fft

from cubefocus.denoise.cosmology import Cosmology
from cubefocus.denoise.mesh import deposit, squares
from cubefocus.denoise.nbody import BoxSettings, density_field, lattice, run_box, start
from cubefocus.errors import CubefocusError

COSMOLOGY = Cosmology()
SMALL = BoxSettings(particles=16, mesh=32, box_mpc=100.0, seed=4, steps=8)


def wave(settings, contrast):
    """Modes of a plane wave along x that has this density contrast today by linear growth."""
    n = settings.particles
    x = lattice(n, settings.box_mpc)[..., 0]
    return fft.rfftn(contrast * np.cos(2.0 * np.pi * x / settings.box_mpc)).astype(np.complex64)


@pytest.mark.parametrize("redshift", [4.0, 0.1])
def test_a_plane_wave_grows_as_linear_theory_has_it(redshift):
    settings = BoxSettings(particles=16, mesh=32, redshift=redshift, steps=24)
    box = run_box(settings, modes=wave(settings, 0.05))
    k, a = 2.0 * math.pi / settings.box_mpc, 1.0 / (1.0 + redshift)
    sine = np.sin(k * lattice(16, settings.box_mpc)[..., 0])
    moved = -2.0 * (box.displacements[..., 0] * sine).mean()
    assert moved == pytest.approx(0.05 * COSMOLOGY.growth(a) / k, rel=0.01)
    speed = -2.0 * (box.velocities[..., 0] * sine).mean()
    hubble = COSMOLOGY.hubble * COSMOLOGY.expansion(a)
    assert speed == pytest.approx(a * hubble * COSMOLOGY.growth_rate(a) * moved, rel=0.02)
    assert np.abs(box.displacements[..., 1:]).max() < 1e-3 * abs(moved)


def test_the_start_is_to_second_order():
    """For a plane wave the second order is 0; where two cross, it is what their product gives."""
    plain, _ = start(wave(SMALL, 0.5), SMALL, COSMOLOGY)
    n, side, k = SMALL.particles, SMALL.box_mpc, 2.0 * math.pi / SMALL.box_mpc
    x, y, _ = np.moveaxis(lattice(n, side), -1, 0)
    both = fft.rfftn(0.5 * (np.cos(k * x) + np.cos(k * y))).astype(np.complex64)
    crossed, _ = start(both, SMALL, COSMOLOGY)
    second = crossed[..., 0] - plain[..., 0]
    growth = COSMOLOGY.growth(1.0 / (1.0 + SMALL.start_redshift))
    # laplacian(phi2) = 0.25 cos(kx) cos(ky), of which -3/7 D^2 grad(phi2) moves along x.
    expected = -3.0 / 7.0 * growth**2 * 0.25 / (2.0 * k) * np.sin(k * x) * np.cos(k * y)
    assert second == pytest.approx(expected, abs=0.01 * float(np.abs(expected).max()))


def test_momentum_is_conserved(box):
    total = box.velocities.astype(float).mean(axis=(0, 1, 2))
    assert np.abs(total).max() < 1e-3 * box.velocities.std()


def test_power_on_large_scales_grows_as_linear_theory_has_it():
    settings = BoxSettings(particles=32, mesh=64, box_mpc=600.0, seed=1, steps=12, redshift=0.1)
    modes = density_field(settings, COSMOLOGY)
    box = run_box(settings)
    # On a mesh so fine that sharing between cells takes nothing off these scales.
    now = fft.rfftn(deposit(box.positions, 128, 600.0)) / 32**3
    power = [
        (np.abs(values[squares(n, 600.0) < 0.03**2]) ** 2).sum() for n, values in ((128, now), (32, modes / 32**3))
    ]
    mean = 1.0  # of the density; that of its contrast is 0
    assert (power[0] - mean) / power[1] == pytest.approx(COSMOLOGY.growth(1.0 / 1.1) ** 2, rel=0.05)


def test_the_density_field_has_the_power_spectrum():
    settings = BoxSettings(particles=48, box_mpc=300.0, seed=2)
    modes = density_field(settings, COSMOLOGY)
    k = np.sqrt(squares(48, 300.0))
    some = (k > 0.1) & (k < 0.4)
    power = np.abs(modes[some]) ** 2 * 300.0**3 / 48**6
    assert (power / COSMOLOGY.power(k[some])).mean() == pytest.approx(1.0, abs=0.03)


def test_matter_collapses(box):
    density = deposit(box.positions, 48, 100.0)
    assert density.max() > 100.0
    assert np.median(density) < 0.6
    assert 100.0 < box.velocities.std() < 500.0  # km/s along an axis


def test_all_the_matter_is_there(box):
    matter = 0.308 * 2.7754e11 * 0.678**2 * 100.0**3  # solar masses
    assert box.particle_mass * 48**3 == pytest.approx(matter, rel=1e-3)
    assert box.positions.min() >= 0.0
    assert box.positions.max() < 100.0


def test_a_seed_gives_the_same_bytes_and_another_seed_others():
    first, again = run_box(SMALL), run_box(SMALL)
    other = run_box(dataclasses.replace(SMALL, seed=5))
    assert first.displacements.tobytes() == again.displacements.tobytes()
    assert first.velocities.tobytes() == again.velocities.tobytes()
    assert not np.allclose(first.displacements, other.displacements, atol=0.1)


def test_steps_are_told():
    told = []
    run_box(SMALL, each=lambda done, of: told.append((done, of)))
    assert told == [(step, 8) for step in range(1, 9)]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"particles": 4}, "particles is 4; give at least 8"),
        ({"mesh": 0}, "mesh is 0"),
        ({"box_mpc": math.nan}, "box_mpc is nan"),
        ({"redshift": -0.5}, "redshift is -0.5"),
        ({"steps": 1}, "steps is 1"),
        ({"start_redshift": 0.05}, "start earlier"),
    ],
)
def test_settings_that_make_no_box_are_refused(changes, said):
    with pytest.raises(CubefocusError, match=said):
        dataclasses.replace(SMALL, **changes)
