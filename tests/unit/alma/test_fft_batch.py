"""Batches and the command ``simulate`` with the engine fft, and set-ups drawn per cube."""

import argparse
import json
from dataclasses import replace

import numpy as np
import pytest
from astropy.io import fits

from cubefocus.alma import batch, cube_task
from cubefocus.cli.simulate import add_arguments
from cubefocus.cube.reading import read_cube
from cubefocus.engines.simulate import default_cache
from cubefocus.errors import CubefocusError
from cubefocus.files import read_table
from cubefocus.instrument.observation import draw_observation
from cubefocus.sky.catalogue import draw_catalogue

SKY = {
    "n_sources": [1, 2], "amplitude": [1, 5], "sigma": [1.5, 3], "pa": [0, 90], "spectral_index": [-2, 2],
    "position": [8, 32], "line_amplitude": [1, 5], "line_centre": [1, 2], "line_fwhm": [2, 2.5], "separation": 4,
}  # fmt: skip
BOX = {"box_level": 0.15, "box_reference": "image"}
THERMAL = {"thermal": True, "snr": None}


@pytest.fixture(autouse=True)
def no_casa(monkeypatch):
    monkeypatch.setattr(cube_task, "observe", lambda *_, **__: pytest.fail("CASA was asked for a cube"))


def catalogue(n_cubes=4):
    return draw_catalogue(SKY, 3, {"train": n_cubes}, (10.0, 30.0), 7, n_pixels=40)


def make(out, setup, cache, n_cubes=4, noise=THERMAL, **options):
    options = {"engine": "fft", "responses": cache, "workers": 2} | options
    return batch.simulate_batch(catalogue(n_cubes), setup, noise, BOX, out, **options)


def test_batch_measures_once_and_gives_each_cube_noise_of_its_own(instrument, setup, tmp_path):
    out = make(tmp_path / "000", setup, tmp_path / "cache")
    assert len(instrument.runs) == 1
    truth = read_table(out / "truth.ecsv")
    told = truth.meta["provenance"]
    assert told["engine"] == "fft"
    assert told["responses"] == sorted(path.name for path in (tmp_path / "cache").iterdir())
    assert [cube["cube_id"] for cube in truth.meta["cubes"]] == [0, 1, 2, 3]
    clean = make(tmp_path / "clean", setup, tmp_path / "cache", noise={"thermal": False, "snr": None})
    noise = [
        np.nan_to_num(read_cube(out / name).data - read_cube(clean / name).data).ravel()
        for name in (f"{i:06d}.dirty.fits" for i in range(4))
    ]
    assert np.abs(np.corrcoef(noise) - np.eye(4)).max() < 0.3
    assert np.std(noise) > 0


def test_batch_gives_the_same_bytes_whatever_its_workers(instrument, setup, tmp_path):
    one = make(tmp_path / "a", setup, tmp_path / "cache", workers=1)
    two = make(tmp_path / "b", setup, tmp_path / "cache", workers=3)
    for path in one.iterdir():
        assert path.read_bytes() == (two / path.name).read_bytes(), path.name


def test_each_cube_draws_its_own_setup(instrument, setup, tmp_path):
    setups = [setup, replace(setup, hour_angle="2h"), replace(setup, total_time_s=1200.0)]
    out = make(tmp_path / "000", setups, tmp_path / "cache", n_cubes=12)
    used = []
    for i in range(12):
        facts = json.loads(fits.getheader(out / f"{i:06d}.dirty.fits")["PROVENAN"])["observation"]
        used.append((facts["hour_angle"], facts["total_time_s"]))
    assert len(set(used)) == len(instrument.runs) == 3
    seeds = [cube["noise_seed"] for cube in read_table(out / "truth.ecsv").meta["cubes"]]
    drawn = [draw_observation(setups, seed) for seed in seeds]
    assert used == [(one.hour_angle, one.total_time_s) for one in drawn]


def test_setups_of_different_sizes_are_refused(instrument, setup, tmp_path):
    with pytest.raises(CubefocusError, match="same size"):
        make(tmp_path / "000", [setup, replace(setup, n_pixels=42)], tmp_path / "cache")
    with pytest.raises(CubefocusError, match="none"):
        make(tmp_path / "000", [], tmp_path / "cache")


@pytest.mark.parametrize("options", [{"engine": "fft", "responses": None}, {"engine": "magic"}])
def test_unknown_engine_or_no_cache_is_refused(instrument, setup, tmp_path, options):
    with pytest.raises(CubefocusError, match="it must be casa, or fft with a cache"):
        make(tmp_path / "000", setup, tmp_path / "cache", **options)


def test_cubes_of_another_engine_are_not_taken_for_these(instrument, setup, tmp_path):
    make(tmp_path / "000", setup, tmp_path / "cache")
    with pytest.raises(CubefocusError, match="another recipe"):
        make(tmp_path / "000", setup, tmp_path / "cache", engine="casa")


def simulate(*arguments):
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    options = parser.parse_args([*map(str, arguments)])
    options.run(options)


@pytest.fixture
def sky_file(setup, tmp_path):
    data = np.zeros((2, 30, 36), np.float32)
    data[:, 15, 18] = 1.0
    path = tmp_path / "sky.fits"
    fits.PrimaryHDU(data, setup.header(data.shape)).writeto(path)
    return path


def test_command_observes_any_sky_with_the_engine_fft(instrument, sky_file, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    assert default_cache() == tmp_path / "home" / "cubefocus" / "responses"
    simulate(sky_file, "-o", tmp_path / "a.fits", "--engine", "fft")
    simulate(sky_file, "-o", tmp_path / "b.fits", "--engine", "fft", "--noise", "thermal", "--seed", 3)
    simulate(sky_file, "-o", tmp_path / "c.fits", "--engine", "fft", "--noise", "thermal", "--seed", 3,
             "--response-cache", tmp_path / "mine")  # fmt: skip
    assert len(instrument.runs) == 2
    quiet, noisy, again = (read_cube(tmp_path / f"{name}.fits") for name in "abc")
    assert quiet.data.shape == (2, 30, 36)
    assert quiet.data[:, 15, 18] == pytest.approx(1.0, abs=1e-5)
    assert np.array_equal(noisy.data, again.data, equal_nan=True)
    assert np.nanstd(noisy.data - quiet.data) > 0
    assert json.loads(quiet.header["PROVENAN"])["engine"] == "fft"


@pytest.mark.parametrize("option", ["--visibilities", "--keep-ms"])
def test_command_says_that_the_engine_makes_no_visibilities(instrument, sky_file, tmp_path, option):
    with pytest.raises(CubefocusError, match="--engine casa"):
        simulate(sky_file, "-o", tmp_path / "a.fits", "--engine", "fft", option, tmp_path / "x")
    assert instrument.runs == []
