"""Comparison of the engines: on made-up differences it finds what was put in; on CASA it keeps the limits."""

import importlib.util

import numpy as np
import pytest

from cubefocus.engines import casa, fft, validation
from cubefocus.engines.measure import get_response
from cubefocus.engines.validation import compare, comparison_table, differences, hard_sky, measure_noise, ring_table
from cubefocus.errors import CubefocusError
from cubefocus.instrument.observation import Observation
from cubefocus.report.figures.engines import engines_figure
from cubefocus.report.figures.style import save_figure


def test_differences_are_relative_to_the_first_cube():
    theirs = np.zeros((2, 8, 8), np.float32)
    theirs[0], theirs[1] = 1.0, -2.0
    ours = theirs.copy()
    ours[0, 3, 3] += 0.5
    theirs[:, 0], ours[:, 0] = np.nan, np.nan
    found = differences(theirs, ours)
    assert found["peak_difference"] == pytest.approx(0.25)
    assert found["rms_difference"] == pytest.approx(np.sqrt(0.25 / 112 / 2.5))


def test_differences_refuse_other_blanks_and_empty_cubes():
    theirs = np.ones((1, 4, 4), np.float32)
    ours = theirs.copy()
    ours[0, 0, 0] = np.nan
    with pytest.raises(CubefocusError, match="blank"):
        differences(theirs, ours)
    with pytest.raises(CubefocusError, match="empty"):
        differences(0 * theirs, theirs)


def test_rings_measure_the_power_of_white_noise_and_its_ratio():
    rng = np.random.default_rng(3)
    data = rng.normal(0.0, 2.0, (8, 64, 60))
    data[:, :4] = np.nan  # what is blank does not count
    first, second = measure_noise([data]), measure_noise(np.sqrt(1.21) * rng.normal(0.0, 2.0, (6, 8, 56, 60)))
    assert first.planes == 8
    assert second.planes == 48
    assert first.rms == pytest.approx(2.0, rel=0.05)
    assert second.scatter == pytest.approx(1 / np.sqrt(2 * 56 * 60), rel=0.3)
    with pytest.raises(CubefocusError, match="different sizes"):
        ring_table(first, measure_noise([data[:, 8:-8]]), cell_arcsec=0.1)
    rings = ring_table(first, second, cell_arcsec=0.1, n_rings=6)
    assert rings["sampled"].all()
    assert np.asarray(rings["casa_power"]) == pytest.approx(4.0, rel=0.25)
    assert np.average(rings["power_ratio"], weights=rings["cells"]) == pytest.approx(1.21, rel=0.05)
    edge = 1 / (2 * 0.1 / 206264.806) / 1e3  # half of the sampling frequency, in kilowavelengths
    assert 0.8 * edge < rings["radius"].max() < edge


def test_rings_show_a_mode_where_it_is():
    x = np.arange(64)
    wave = np.cos(2 * np.pi * 12 * x / 64)[None, None, :] * np.ones((1, 64, 1))
    noise = measure_noise([wave])
    rings = ring_table(noise, noise, cell_arcsec=0.1, n_rings=8)
    strongest = rings[int(np.argmax(rings["casa_power"] * rings["cells"]))]
    assert abs(strongest["radius"] - 12 / (64 * 0.1 / 206264.806) / 1e3) < 4 / (64 * 0.1 / 206264.806) / 1e3
    assert rings["sampled"].sum() <= 3


def noisy_engine(monkeypatch, instrument, setup, tmp_path, gain=1.0, noise_gain=1.0):
    """Put the engine fft in CASA's place, with its cubes and its noise too strong by these factors."""

    def observe(sky, observation, noise, seed, log, scratch, *, name):
        cube = fft.observe(sky, observation, noise, seed + 1000, cache=tmp_path / "cache")
        cube.data *= noise_gain if noise == "thermal" else gain
        return cube

    monkeypatch.setattr(casa, "observe", observe)
    return compare("name", hard_sky(setup), setup, tmp_path / "cache", log=tmp_path / "casa.log")


def test_comparison_finds_no_difference_where_there_is_none(monkeypatch, instrument, setup, tmp_path):
    found = noisy_engine(monkeypatch, instrument, setup, tmp_path)
    assert found.numbers["rms_difference"] == 0.0
    assert found.numbers["noise_rms_ratio"] == pytest.approx(1.0, abs=0.06)
    assert len(found.channels) == 3
    table = comparison_table([found])
    assert table["array"][0] == setup.array
    assert table["declination"].unit == "deg"
    paths = save_figure(engines_figure(found), tmp_path / "engines", {})
    assert all(path.stat().st_size > 10_000 for path in paths)


def test_comparison_finds_gain_and_noise_that_are_off(monkeypatch, instrument, setup, tmp_path):
    found = noisy_engine(monkeypatch, instrument, setup, tmp_path, gain=1.02, noise_gain=1.5)
    assert found.numbers["rms_difference"] == pytest.approx(0.02 / 1.02, rel=1e-3)
    assert found.numbers["peak_difference"] == pytest.approx(0.02 / 1.02, rel=1e-3)
    assert found.numbers["noise_rms_ratio"] == pytest.approx(1 / 1.5, rel=0.06)
    assert not comparison_table([found])["reached"][0]


def needs_casa(test):
    """Mark a test that runs CASA."""
    missing = importlib.util.find_spec("casatasks") is None
    return pytest.mark.casa(pytest.mark.skipif(missing, reason="CASA is not installed")(test))


# off zenith and not symmetric, blank corners, not square
SMALL = Observation(n_pixels=64, n_channels=4, cell_arcsec=0.6, frequency_ghz=100.0, integration_s=300.0,
                    hour_angle="-3h", pblimit=0.7)  # fmt: skip


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("responses")


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    return tmp_path_factory.mktemp("log") / "casa.log"


@pytest.fixture(scope="module")
def measured(cache, log):
    return compare("off zenith", hard_sky(SMALL), SMALL, cache, log=log)


@needs_casa
def test_engine_agrees_with_casa_on_a_hard_sky(measured):
    assert measured.numbers["rms_difference"] < validation.LIMITS["rms_difference"]
    assert measured.numbers["peak_difference"] < validation.LIMITS["peak_difference"]


@needs_casa
def test_cubes_have_the_blanks_and_the_header_of_casa(cache, log):
    sky = hard_sky(SMALL)[:, :54]
    theirs, ours = casa.observe(sky, SMALL, log=log), fft.observe(sky, SMALL, cache=cache)
    assert np.isnan(theirs.data).any()
    assert np.array_equal(np.isnan(theirs.data), np.isnan(ours.data))
    assert differences(theirs.data, ours.data)["rms_difference"] < validation.LIMITS["rms_difference"]
    assert {key: ours.header[key] for key in ours.header} == {
        key: pytest.approx(theirs.header[key], rel=1e-6)
        if isinstance(theirs.header[key], float)
        else theirs.header[key]
        for key in theirs.header
    }


@needs_casa
def test_noise_has_the_power_of_casas_in_each_ring(cache, log):
    """Noise-only cubes of both, with enough channels that CASA's scatter is a few per cent in a ring."""
    many = Observation(n_pixels=64, n_channels=48, cell_arcsec=0.6, frequency_ghz=100.0, integration_s=1200.0,
                       hour_angle="-3h", pblimit=0.1)  # fmt: skip
    empty = np.zeros(many.cube_shape, np.float32)
    response = get_response(many, cache)
    casa_noise = measure_noise([casa.observe(empty, many, "thermal", 5, log).data])
    fft_noise = measure_noise(fft.observe(empty, many, "thermal", seed, cache=cache).data for seed in range(6))
    assert fft_noise.rms.mean() == pytest.approx(casa_noise.rms.mean(), rel=0.03)
    assert response.noise_rms.mean() == pytest.approx(casa_noise.rms.mean(), rel=0.03)
    rings = ring_table(casa_noise, fft_noise, many.cell_arcsec, n_rings=8)
    sampled = rings[np.asarray(rings["sampled"], dtype=bool)]
    assert len(sampled) >= 3
    # both draws scatter by one over the root of their number of cells
    allowed = validation.LIMITS["noise_power"] + 2 / np.sqrt(sampled["cells"])
    assert (np.abs(sampled["power_ratio"] - 1) < allowed).all()
