"""Cloud-in-cell assignment and derivatives on a periodic mesh."""

import numpy as np
import pytest

from cubefocus.denoise.mesh import AT_A_TIME, deposit, gather, gradient, squares

SIDE, N = 10.0, 8


def test_mass_is_conserved_wherever_the_particles_are():
    rng = np.random.default_rng(0)
    places = rng.uniform(-SIDE, 2.0 * SIDE, (AT_A_TIME + 1000, 3)).astype(np.float32)
    weights = rng.uniform(0.0, 2.0, len(places))
    assert deposit(places, N, SIDE, weights).sum(dtype=float) == pytest.approx(weights.sum(), rel=1e-6)
    assert deposit(places, N, SIDE).sum(dtype=float) == pytest.approx(len(places), rel=1e-6)


def test_a_particle_is_shared_with_the_cells_that_it_is_near():
    middle = deposit(np.array([[0.5, 1.5, 2.5]]) * SIDE / N, N, SIDE)
    assert middle[0, 1, 2] == pytest.approx(1.0, abs=1e-6)
    edge = deposit(np.array([[0.0, 1.5, 2.75]]) * SIDE / N, N, SIDE)
    assert edge[0, 1, 2] == edge[-1, 1, 2] == pytest.approx(0.375, abs=1e-5)
    assert edge[0, 1, 3] == pytest.approx(0.125, abs=1e-5)


def test_a_lattice_has_the_same_density_everywhere():
    line = (np.arange(N) + 0.3) * SIDE / N
    places = np.stack(np.meshgrid(line, line, line), axis=-1).reshape(-1, 3)
    assert deposit(places, N, SIDE) == pytest.approx(np.ones((N, N, N)), abs=1e-5)


def test_the_centre_of_mass_is_where_the_particle_is():
    place = np.array([[4.1, 5.3, 6.2]])
    mesh = deposit(place, N, SIDE)
    cells = (np.indices(mesh.shape) + 0.5) * SIDE / N
    assert (mesh * cells).sum(axis=(1, 2, 3)) == pytest.approx(place[0], rel=1e-5)


def test_gathering_a_linear_field_gives_its_value():
    x, y, z = (np.indices((N, N, N)) + 0.5) * SIDE / N
    places = np.random.default_rng(1).uniform(1.5, SIDE - 1.5, (50, 3))
    values = gather([2.0 * x - y, z], places, SIDE)
    assert values == pytest.approx(np.stack([2.0 * places[:, 0] - places[:, 1], places[:, 2]], axis=1), abs=1e-4)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_gradient_of_a_wave(axis):
    n = 32
    phase = 2.0 * np.pi * (np.indices((n, n, n), dtype=np.float32)[axis] + 0.5) / n
    error = gradient(np.sin(phase), axis, SIDE) - 2.0 * np.pi / SIDE * np.cos(phase)
    assert np.abs(error).max() < 1e-4


def test_wavenumbers_are_those_of_the_modes():
    mesh = np.cos(2.0 * np.pi * 3.0 * np.arange(N) / N)[None, :, None] * np.ones((N, 1, N))
    power = np.abs(np.fft.rfftn(mesh)) ** 2
    assert (power * squares(N, SIDE)).sum() / power.sum() == pytest.approx((6.0 * np.pi / SIDE) ** 2, rel=1e-6)
