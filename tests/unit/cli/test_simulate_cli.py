"""The command ``simulate`` and the reading of a user's sky model."""

import argparse
import importlib.util
import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits

from cubefocus.cli.provenance import read_provenance
from cubefocus.cli.simulate import add_arguments
from cubefocus.cube.reading import read_cube
from cubefocus.errors import CubefocusError
from cubefocus.instrument.observation import Observation
from cubefocus.sky.skyfile import load_sky

ODD = 'my "odd" cube\'s $(touch pwned) `touch pwned`'  # a name, not a command
SETUP = Observation(n_pixels=32, n_channels=4, cell_arcsec=0.2, frequency_ghz=100.0, channel_width_mhz=5.0,
                    direction="J2000 05h00m00s -30d00m00s")  # fmt: skip


def write_sky(path, data=None, drop=(), **cards):
    """Sky model on the grid of SETUP, with these header cards changed or dropped."""
    data = np.ones(SETUP.cube_shape, np.float32) if data is None else data
    header = SETUP.header((data.shape[0] if data.ndim == 3 else 1, *data.shape[-2:]))
    for key in drop:
        header.remove(key, ignore_missing=True)
    header.update(cards)
    fits.PrimaryHDU(data, header).writeto(path)
    return path


def simulate(*arguments):
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    options = parser.parse_args([*map(str, arguments)])
    options.run(options)


def test_grid_comes_from_the_file(tmp_path):
    data, observation = load_sky(write_sky(tmp_path / "sky.fits"), {"cell_arcsec": 9.0, "pwv_mm": 2.0})
    assert observation.cell_arcsec == pytest.approx(0.2)
    assert observation.frequencies_hz == pytest.approx(SETUP.frequencies_hz)
    assert observation.centre.separation(SETUP.centre) < 1e-4 * u.arcsec
    assert observation.pwv_mm == 2.0
    assert (data == 1.0).all()


def test_grid_can_be_overridden(tmp_path):
    moved = {"direction": "ICRS 01h00m00s -20d00m00s", "cell_arcsec": 0.05, "frequency_ghz": 230.0}
    _, observation = load_sky(write_sky(tmp_path / "sky.fits"), {}, moved)
    assert {name: getattr(observation, name) for name in moved} == moved
    assert observation.channel_width_mhz == pytest.approx(5.0)


@pytest.mark.parametrize(
    ("unit", "beam", "factor"),
    [
        ("Jy/pixel", None, 1.0),
        ("mJy/pixel", None, 1e-3),
        ("Jy/arcsec2", None, 0.2**2),
        ("MJy/sr", None, 1e6 * (0.2 / 206264.806) ** 2),
        ("JY/PIXEL", None, 1.0),
        ("Jy/beam", (1.0, 0.5), 0.2**2 / (math.pi * 0.5 / (4 * math.log(2)))),
    ],
)
def test_units_become_jy_per_pixel(unit, beam, factor, tmp_path):
    cards = {} if beam is None else {"BMAJ": beam[0] / 3600, "BMIN": beam[1] / 3600}
    data, _ = load_sky(write_sky(tmp_path / "sky.fits", BUNIT=unit, **cards))
    assert data == pytest.approx(factor, rel=1e-5)


def test_descending_frequencies_are_turned_round(tmp_path):
    data = np.arange(4, dtype=np.float32)[:, None, None] * np.ones((4, 32, 32), np.float32)
    path = write_sky(tmp_path / "sky.fits", data, CDELT3=-5e6, CRPIX3=2.0)
    loaded, observation = load_sky(path)
    assert loaded[:, 0, 0].tolist() == [3, 2, 1, 0]
    assert observation.frequencies_hz == pytest.approx(np.sort(read_cube(path).frequencies_hz))


STEP = 5e6  # of SETUP's channels
MATRICES = {
    "PC of -1": ({"PC3_3": -1.0}, ()),
    "PC with CDELT of 1": ({"PC3_3": -STEP, "CDELT3": 1.0}, ()),
    "CD": ({"CD1_1": -0.2 / 3600, "CD2_2": 0.2 / 3600, "CD3_3": -STEP}, ("CDELT1", "CDELT2", "CDELT3")),
    "all in PC": (
        {"CDELT1": 1.0, "CDELT2": 1.0, "CDELT3": 1.0, "PC1_1": -0.2 / 3600, "PC2_2": 0.2 / 3600, "PC3_3": -STEP},
        (),
    ),
}


@pytest.mark.parametrize("name", MATRICES)
def test_steps_in_a_matrix_are_those_of_cdelt(name, tmp_path):
    cards, drop = MATRICES[name]
    data = np.arange(4, dtype=np.float32)[:, None, None] * np.ones((4, 32, 32), np.float32)
    plain, expected = load_sky(write_sky(tmp_path / "plain.fits", data, CDELT3=-STEP))
    loaded, observation = load_sky(write_sky(tmp_path / "matrix.fits", data, drop, **cards))
    assert observation == expected
    assert observation.channel_width_mhz == pytest.approx(5.0)
    np.testing.assert_array_equal(loaded, plain)


@pytest.mark.parametrize(("kind", "unit", "value", "step"), [
    ("FREQ", "Hz", 100e9, 2e9), ("FREQ", "GHz", 100.0, 2.0), ("WAVE", "mm", 2.99792458, -0.0599585),
])  # fmt: skip
def test_width_of_a_single_channel_by_any_axis(kind, unit, value, step, tmp_path):
    cards = {"CTYPE3": kind, "CUNIT3": unit, "CRVAL3": value, "CDELT3": step, "CRPIX3": 1.0}
    _, observation = load_sky(write_sky(tmp_path / "image.fits", np.ones((1, 32, 32), np.float32), **cards))
    assert observation.frequency_ghz == pytest.approx(100.0)
    assert observation.channel_width_mhz == pytest.approx(2000.0, rel=1e-3)


@pytest.mark.parametrize(
    ("cards", "drop", "expected"),
    [
        ({"RESTFRQ": 100.23e9, "SPECSYS": "BARYCENT"}, (), (100.23e9, "BARYCENT")),
        ({"RESTFREQ": 100.23e9}, ("RESTFRQ", "SPECSYS"), (100.23e9, "LSRK")),
        ({}, ("RESTFRQ",), (None, "LSRK")),
    ],
)
def test_dirty_cube_keeps_rest_frequency_and_frame_of_its_sky(cards, drop, expected, instrument, tmp_path):
    sky = write_sky(tmp_path / "sky.fits", drop=drop, **cards)
    simulate(sky, "-o", tmp_path / "dirty.fits", "--engine", "fft", "--response-cache", tmp_path / "responses")
    dirty = read_cube(tmp_path / "dirty.fits")
    assert (dirty.rest_frequency_hz, dirty.velocity_frame) == expected
    assert dirty.frequencies_hz == pytest.approx(read_cube(sky).frequencies_hz)


def test_a_home_that_cannot_be_written_is_named(instrument, tmp_path, monkeypatch):
    (tmp_path / "home").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    sky = write_sky(tmp_path / "sky.fits")
    with pytest.raises(CubefocusError, match=r"home.*no folder can be made here.*--response-cache"):
        simulate(sky, "-o", tmp_path / "dirty.fits", "--engine", "fft")


def test_phase_centre_is_the_middle_pixel_whatever_the_reference_pixel(tmp_path):
    path = write_sky(tmp_path / "sky.fits", CRPIX1=7.0, CRPIX2=9.0)
    _, observation = load_sky(path)
    middle = read_cube(path).positions(16, 16)
    assert observation.centre.separation(middle) < 1e-4 * u.arcsec
    assert observation.centre.separation(SETUP.centre) > 1 * u.arcsec


SPECTRAL = tuple(f"{key}3" for key in ("CTYPE", "CRVAL", "CDELT", "CRPIX", "CUNIT"))


@pytest.mark.parametrize(
    ("cards", "drop", "words"),
    [
        ({}, ("BUNIT",), "no BUNIT"),
        ({"BUNIT": "K"}, (), "it must be in Jy/pixel"),
        ({"BUNIT": "bananas"}, (), "cannot be read"),
        ({"BUNIT": "Jy/beam"}, (), "no BMAJ"),
        ({"BUNIT": "Jy/beam", "BMAJ": 1e-4}, (), "no BMAJ and BMIN"),
        ({"CDELT1": 5e-5}, (), "mirrored"),
        ({"CDELT1": -1e-4}, (), "square"),
        ({"PC1_2": 0.5, "PC2_1": -0.5}, (), "rotated"),
        ({"CTYPE1": "GLON-SIN", "CTYPE2": "GLAT-SIN"}, (), "reproject"),
        ({}, SPECTRAL, "--frequency"),
        ({"CTYPE3": "VRAD", "CUNIT3": "m/s"}, ("RESTFRQ",), "RESTFRQ"),
        ({}, ("CTYPE1", "CTYPE2"), "--cell"),
    ],
)
def test_unusable_sky_is_refused_by_name(cards, drop, words, tmp_path):
    path = write_sky(tmp_path / "sky.fits", drop=drop, **cards)
    with pytest.raises(CubefocusError, match=words) as caught:
        load_sky(path)
    assert str(path) in str(caught.value)


def test_options_fill_what_an_image_does_not_say(tmp_path):
    path = write_sky(tmp_path / "image.fits", np.ones((32, 32), np.float32), drop=SPECTRAL)
    data, observation = load_sky(path, {"frequency_ghz": 230.0, "channel_width_mhz": 2000.0})
    assert data.shape == (1, 32, 32)
    assert observation.frequencies_hz.tolist() == [230e9]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--white-rms", "-1"), "white-rms"),
        (("--array", "nonesuch"), "nonesuch"),
        (("--hour-angle", "soon"), "transit"),
        (("--inbright", "0"), "above 0"),
        (("--observation", "absent.yaml"), r"absent\.yaml"),
        (("--seed", "-3"), "seed is -3"),
    ],
)
@pytest.mark.skipif(importlib.util.find_spec("casatasks") is None, reason="CASA is not installed")
def test_bad_options_are_refused(arguments, words, tmp_path):
    sky = write_sky(tmp_path / "sky.fits")
    with pytest.raises(CubefocusError, match=words):
        simulate(sky, "-o", tmp_path / "dirty.fits", *arguments)
    assert not (tmp_path / "dirty.fits").exists()


def test_output_is_not_overwritten_unasked(tmp_path):
    (tmp_path / "dirty.fits").write_text("precious")
    with pytest.raises(CubefocusError, match="--overwrite"):
        simulate(write_sky(tmp_path / "sky.fits"), "-o", tmp_path / "dirty.fits")
    with pytest.raises(CubefocusError, match=r"something\.fits"):
        simulate(tmp_path / "sky.fits", "-o", tmp_path / "dirty.txt")


@pytest.mark.casa
@pytest.mark.skipif(importlib.util.find_spec("casatasks") is None, reason="CASA is not installed")
def test_simulate_from_file_to_file(tmp_path):
    import casadata

    tmp_path = tmp_path / ODD
    tmp_path.mkdir()
    array = Path(casadata.datapath) / "alma" / "simmos" / "alma.cycle9.5.cfg"
    array = shutil.copy(str(array), tmp_path / 'array\'s "own".cfg')
    data = np.zeros((2, 32, 40), np.float32)
    data[:, 12, 25] = 3.0
    sky = write_sky(tmp_path / "sky.fits", data, BUNIT="mJy/pixel")
    (tmp_path / "setup.yaml").write_text(json.dumps({"array": str(array), "integration_s": 1200, "hour_angle": "-1h"}))
    simulate(sky, "-o", tmp_path / "dirty.fits", "--observation", tmp_path / "setup.yaml", "--inbright", "0.5",
             "--white-rms", "0.001", "--log", tmp_path / "casa.log", "--keep-ms", tmp_path / "kept.ms",
             "--visibilities", tmp_path / "kept.npz", "--scratch", tmp_path)  # fmt: skip
    dirty = read_cube(tmp_path / "dirty.fits")
    peaks = [np.unravel_index(np.nanargmax(plane), plane.shape) for plane in dirty.data]
    assert peaks == [(12, 25), (12, 25)]
    assert dirty.data[:, 12, 25] == pytest.approx(0.5, rel=0.02)
    assert dirty.header["CRPIX1"] == 21.0
    assert dirty.frequencies_hz == pytest.approx(read_cube(sky).frequencies_hz)
    told = json.loads(dirty.header["PROVENAN"])
    assert (told["observation"]["array"], told["seed"], told["white_rms"]) == (str(array), 1, 0.001)
    assert (told["engine"], "responses" in told) == ("casa", False)
    assert (tmp_path / "kept.ms" / "table.dat").is_file()
    assert "tclean" in (tmp_path / "casa.log").read_text()
    assert not [path for path in tmp_path.parent.glob("**/*pwned*") if path.name == "pwned"]


def test_names_with_quotes_and_dollars_are_names_only(instrument, tmp_path, monkeypatch):
    folder = tmp_path / ODD
    folder.mkdir()
    monkeypatch.chdir(folder)
    sky = write_sky(Path(f"{ODD} sky.fits"))
    output = Path(f"{ODD}.fits")
    simulate(sky, "-o", output, "--engine", "fft", "--response-cache", folder / f"{ODD} responses")
    assert {path.name for path in folder.iterdir()} == {f"{ODD} sky.fits", f"{ODD}.fits", f"{ODD} responses"}
    told = read_provenance(output)
    assert told["sky"] == sky.name
    (response,) = (folder / f"{ODD} responses").iterdir()
    assert (told["engine"], told["responses"]) == ("fft", [response.name])
    assert read_provenance(response / "response.h5")["responses"] == [response.name]
    assert read_provenance(response / "psf.fits")["seed"] == 1
