"""Points of the sheet of matter, and the peaks of its light."""

import numpy as np
import pytest

from cubefocus.denoise.emission import Emission
from cubefocus.denoise.sheet import POINTS, WIDTH, Sheet

N, SIDE = 8, 16.0


def even(log_power=20.0, displacement=0.0):
    displacements = np.full((N, N, N, 3), displacement, np.float32)
    return Sheet(Emission(displacements, np.full((N, N, N), log_power, np.float32),
                          np.full((N, N, N), 10.0, np.float32), SIDE))  # fmt: skip


def together(sheet):
    found = list(sheet.emitters(np.argwhere(np.ones((N, N, N), bool))))
    return [np.concatenate([getattr(one, name) for one in found]) for name in ("places", "power", "sizes")]


def test_even_matter_has_even_points_that_hold_all_its_light():
    places, power, sizes = together(even())
    assert power.sum() == pytest.approx(N**3 * 1e20, rel=1e-5)
    finest = np.round((places % SIDE) / (SIDE / N / POINTS) - 0.5).astype(int) % (N * POINTS)
    assert len(np.unique(finest, axis=0)) == (N * POINTS) ** 3
    assert sizes == pytest.approx(np.full(len(sizes), WIDTH * SIDE / N / POINTS), rel=1e-4)


def test_points_lie_between_particles_across_the_edge():
    sheet = even(displacement=7.9)
    places, _, _ = together(sheet)
    assert (sheet.places >= 0.0).all()
    assert (sheet.places < SIDE).all()
    assert np.ptp(places, axis=0).max() < SIDE + 2.0 * SIDE / N


def test_a_piece_that_is_drawn_out_does_not_shine_along_its_length():
    sheet = even()
    sheet.emission.log_power[:] = 14.0
    sheet.emission.log_power[4, 4, 4] = 24.0
    _, power, _ = together(sheet)
    assert power.sum() < 1e24
    assert np.median(power) * POINTS**3 == pytest.approx(1e14, rel=0.01)


def test_a_piece_is_never_spread_wider_than_its_particles():
    sheet = even()
    sheet.emission.sizes[:] = 1e-3
    assert together(sheet)[2].max() == pytest.approx(1e-3)


def test_the_brightest_place_is_the_first_peak():
    sheet = even()
    sheet.emission.log_power[2, 5, 6] = 25.0
    sheet.emission.log_power[6, 1, 1] = 24.0
    places, power = sheet.peaks
    assert np.abs(places[0] - sheet.places[2, 5, 6]).max() <= 1.0
    assert np.abs(places[1:9] - sheet.places[6, 1, 1]).max(axis=1).min() <= 1.0
    assert (np.diff(power) <= 0).all()
