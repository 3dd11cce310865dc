"""Cubes on which proposers are compared: noise of one, sources in their places, side lobes that CLEAN takes."""

import dataclasses

import numpy as np
import pytest

from cubefocus.engines.measure import get_response
from cubefocus.general.cubes import Maker
from cubefocus.general.hogbom import components
from cubefocus.settings import ComparisonSettings
from cubefocus.stats.noise import robust_width

SETTINGS = ComparisonSettings(n_sources=(2, 2), empty_fraction=0.0, snr=(40.0, 40.0), types={"point": 1.0},
                              line_fwhm=(3.0, 3.0))  # fmt: skip


@pytest.fixture
def maker(instrument, setup, tmp_path):
    observation = dataclasses.replace(setup, n_pixels=48, n_channels=8, channel_width_mhz=10.0, pblimit=0.2)
    return Maker(get_response(observation, tmp_path / "cache"), SETTINGS, seed=3)


def test_a_number_gives_the_same_cube_again(maker):
    first, again, other = (maker.make(number, False) for number in (0, 0, 1))
    assert np.array_equal(first.cube.data, again.cube.data, equal_nan=True)
    assert first.sources == again.sources
    assert not np.array_equal(first.cube.data, other.cube.data, equal_nan=True)


def test_the_noise_of_a_voxel_is_one_and_sources_own_the_voxels_around_them(maker):
    empty = dataclasses.replace(SETTINGS, empty_fraction=1.0)
    nothing = Maker(maker.response, empty, 3).make(0, False)
    assert nothing.sources == []
    assert not nothing.owner.any()
    assert robust_width(nothing.cube.data[np.isfinite(nothing.cube.data)]) == pytest.approx(1.0, rel=0.1)
    made = maker.make(0, False)
    for number, source in enumerate(made.sources, start=1):
        own = made.owner == number
        channel = int(np.clip(round(source["z"]), 0, 7)) if source["emission"] == "line" else 4
        assert own[channel, source["y"], source["x"]]
        assert made.cube.data[own].max() > 5.0


def test_every_second_pair_of_cubes_is_divided_by_the_primary_beam(maker):
    plain, divided = (maker.make(number, False).cube.data for number in (0, 2))
    rim = maker.primary_beam < 0.75
    assert robust_width(divided[rim]) > 1.2 * robust_width(plain[rim])


def test_clean_takes_the_side_lobes_of_a_point_away(maker):
    psf = maker.response.psf()[0]
    dirty = 10.0 * psf[48 - 30 : 96 - 30, 48 - 20 : 96 - 20].astype(np.float32)  # at pixel (30, 20)
    model, residual = components(dirty, psf, np.ones(dirty.shape, bool), 0.1)
    assert model.sum() == pytest.approx(10.0, rel=0.02)
    assert np.unravel_index(model.argmax(), model.shape) == (30, 20)
    assert np.abs(residual).max() <= 0.1


def test_clean_stays_where_it_may_look(maker):
    psf = maker.response.psf()[0]
    dirty = 10.0 * psf[48 - 30 : 96 - 30, 48 - 20 : 96 - 20].astype(np.float32)
    model, _ = components(dirty, psf, np.indices(dirty.shape)[0] < 10, 0.5)
    assert not model[10:].any()
    none, residual = components(dirty, psf, np.zeros(dirty.shape, bool), 0.5)
    assert not none.any()
    assert np.array_equal(residual, dirty)
