"""``cubefocus detect`` with a cube and nothing else: what it writes, what it assumes, and what it refuses."""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from scenes import make_header
from scipy.ndimage import gaussian_filter
from uv_instrument import Truth, UvInstrument

from cubefocus.cli import detect as detect_command
from cubefocus.cli.folder import MAPS
from cubefocus.cli.main import main
from cubefocus.cli.provenance import read_provenance
from cubefocus.cube.beams import with_beam
from cubefocus.cube.writing import write_cube
from cubefocus.files import read_table
from cubefocus.fit.stretch import FLAG
from cubefocus.search.run import CANDIDATES, COLUMNS
from cubefocus.settings import SearchSettings

SHAPE, FWHM = (16, 64, 64), 5.0
SIGMA = FWHM / 2.35482


@pytest.fixture(autouse=True)
def _logs(caplog):
    caplog.set_level(logging.INFO, logger="cubefocus")


def restored(seed: int) -> np.ndarray:
    """Noise with the correlation of the beam, and a source of 20 times it with a line."""
    noise = gaussian_filter(np.random.default_rng(seed).standard_normal(SHAPE), (0, SIGMA / 1.41, SIGMA / 1.41))
    z, y, x = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    source = np.exp(-0.5 * ((x - 30.0) ** 2 + (y - 40.0) ** 2) / SIGMA**2 - 0.5 * ((z - 8.0) / 1.5) ** 2)
    return 0.001 * (noise / noise.std() + 20.0 * source)


@pytest.fixture
def cube(tmp_path):
    """Path of a restored cube whose beam is in its header."""
    header = make_header(SHAPE)
    header["BUNIT"] = "Jy/beam"
    write_cube(tmp_path / "clean.fits", restored(1), with_beam(header, [(0.5, 0.5, 0.0)], "ALMA"), {})
    return tmp_path / "clean.fits"


def detect(*arguments):
    return main(["detect", *map(str, arguments)])


def test_what_a_killed_search_was_writing_does_not_stop_the_next(cube, tmp_path):
    assert detect(cube, "-o", tmp_path / "first", "--no-pictures") == 0
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (tmp_path / "out").mkdir()
    shutil.copy(tmp_path / "first" / "clean.snr.fits", tmp_path / "out" / f".{ended.pid}.clean.snr.fits")
    assert detect(cube, "-o", tmp_path / "out", "--no-pictures") == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        path.name for path in (tmp_path / "first").iterdir()
    }


def test_what_a_stopped_search_has_left_is_told_and_replaced_when_asked(cube, tmp_path, capsys):
    """Its tables come last: a killed one has left maps and no catalogue."""
    out = tmp_path / "out"
    assert detect(cube, "-o", out, "--no-pictures") == 0
    whole = {path.name for path in out.iterdir()}
    for path in (*out.glob("catalogue.*"), out / "candidates.ecsv"):
        path.unlink()
    assert detect(cube, "-o", out, "--no-pictures") == 1
    told = capsys.readouterr().err
    assert f"{out}: holds what a search has made that was stopped" in told
    assert "--overwrite" in told
    assert detect(cube, "-o", out, "--no-pictures", "--overwrite") == 0
    assert {path.name for path in out.iterdir()} == whole


def test_a_cube_that_is_named_twice_is_refused(cube, tmp_path, capsys):
    (tmp_path / "link.fits").symlink_to(cube)
    assert detect(cube, tmp_path / "link.fits", "-o", tmp_path / "out") == 1
    assert "link.fits: is named twice" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_empty_output_is_not_the_folder_of_the_shell(cube, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        detect(cube, "-o", "")
    assert ended.value.code == 2
    assert "-o/--output: is empty" in capsys.readouterr().err


def test_a_cube_alone_gives_catalogue_maps_regions_and_picture(cube, tmp_path, caplog):
    assert detect(cube, "-o", tmp_path / "out", "--rest-frequency", 230.538) == 0
    files = {path.name for path in (tmp_path / "out").iterdir()}
    tables = {"catalogue.ecsv", "catalogue.csv", "catalogue.xml", "catalogue.fits", "candidates.ecsv"}
    assert files == tables | {f"clean.{kind}.fits" for kind in MAPS} | {
        "clean.reg",
        "clean.crtf",
        "clean.field.png",
        "clean.report.html",
        "clean.source000.spectrum.ecsv",
        "clean.source000.cube.fits",
        "clean.source000.card.png",
    }
    catalogue, candidates = (read_table(tmp_path / "out" / f"{name}.ecsv") for name in ("catalogue", "candidates"))
    assert catalogue.colnames == [one.name for one in COLUMNS]
    assert candidates.colnames == [one.name for one in CANDIDATES]
    (row,) = catalogue
    assert (row["x"], row["y"], row["z"]) == pytest.approx((30.0, 40.0, 8.0), abs=0.3)
    assert candidates["reason"][0] == "kept"
    assert all("significance below" in reason for reason in candidates["reason"][1:])
    assert "taken as restored by CLEAN with the beam of its header, 0.5 x 0.5 arcsec" in caplog.text
    for name in sorted(files - {"catalogue.csv"}):
        assert read_provenance(tmp_path / "out" / name)["cubes"] == [str(cube)], name


def test_what_a_source_has_for_itself_is_its_own(cube, tmp_path):
    """Its spectrum in mJy adds up to its flux, and the part of the cube lies where it is on the sky."""
    assert detect(cube, "-o", tmp_path / "out", "--no-pictures", "--rest-frequency", 230.538) == 0
    assert not [path for path in (tmp_path / "out").iterdir() if path.suffix in (".png", ".html")]
    spectrum = read_table(tmp_path / "out" / "clean.source000.spectrum.ecsv")
    (row,) = read_table(tmp_path / "out" / "catalogue.ecsv")
    peak = 20.0 * np.exp(-0.5 * ((spectrum["channel"] - 8.0) / 1.5) ** 2)
    off = (spectrum["flux_density"] - peak) / spectrum["flux_density_err"]
    assert np.abs(off).max() < 4.5
    assert 0.5 < np.std(off) < 1.5
    assert np.abs(spectrum["flux_density_model"] - peak).max() < 3.0
    assert spectrum["velocity"][8] == pytest.approx(row["velocity"], abs=8.0)
    part, whole = tmp_path / "out" / "clean.source000.cube.fits", cube
    values = fits.getdata(part)
    at = np.unravel_index(np.argmax(values), values.shape)
    assert values[at] == fits.getdata(whole)[8, 40, 30]
    for axis, (here, there) in enumerate(zip(at[::-1], (30, 40, 8), strict=True), 1):
        assert here - fits.getval(part, f"CRPIX{axis}") == there - fits.getval(whole, f"CRPIX{axis}")


def test_what_cannot_be_written_whole_leaves_nothing_of_the_cube(cube, tmp_path, monkeypatch, capsys):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("cubefocus.search.card.card_figure", full)
    assert detect(cube, "-o", tmp_path / "out") == 1
    assert "No space left" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_maps_lie_on_the_pixels_of_the_cube_and_mark_its_sources(cube, tmp_path):
    assert detect(cube, "-o", tmp_path / "out", "--rest-frequency", 230.538) == 0
    maps = {kind: fits.getdata(tmp_path / "out" / f"clean.{kind}.fits") for kind in MAPS}
    (row,) = read_table(tmp_path / "out" / "catalogue.ecsv")
    assert maps["snr"].shape == maps["mask"].shape == SHAPE
    assert maps["mask"][8, 40, 30] == row["candidate_id"]
    assert 5.0 < maps["snr"].max() <= row["significance"] * (1.0 + 1e-5)
    assert maps["moment0"].shape == SHAPE[1:]
    assert np.nanargmax(maps["moment0"]) == 40 * 64 + 30
    assert maps["moment1"][40, 30] == pytest.approx(row["velocity"], abs=8.0)  # of 13 km/s a channel
    assert np.isnan(maps["moment0"][0, 0])
    header = fits.getheader(tmp_path / "out" / "clean.moment1.fits")
    assert header["BUNIT"] == "km/s"
    assert header["CTYPE1"].startswith("RA")


def test_the_flux_is_that_of_the_source(cube, tmp_path):
    assert detect(cube, "-o", tmp_path / "out", "--rest-frequency", 230.538) == 0
    (row,) = read_table(tmp_path / "out" / "catalogue.ecsv")
    width = 299792.458 * 10e6 / (230e9 + (8.0 - SHAPE[0] // 2) * 10e6)
    assert abs(row["line_flux_jykms"] - 0.02 * 1.5 * np.sqrt(2 * np.pi) * width) < 3.5 * row["line_flux_jykms_err"]
    assert row["major"] < 0.25  # arcsec, half of the beam: a point


def test_one_bad_cube_does_not_stop_the_others(cube, tmp_path, capsys):
    (tmp_path / "broken.fits").write_bytes(cube.read_bytes()[:6000])
    assert detect(cube, tmp_path / "broken.fits", "-o", tmp_path / "out") == 1
    assert "broken.fits" in capsys.readouterr().err
    assert len(read_table(tmp_path / "out" / "catalogue.ecsv")) == 1


def test_a_second_search_asks_and_then_replaces_all_of_the_first(cube, tmp_path, capsys):
    assert detect(cube, "-o", tmp_path / "out") == 0
    assert detect(cube, "-o", tmp_path / "out") == 1
    assert "--overwrite" in capsys.readouterr().err
    other = tmp_path / "other.fits"
    other.write_bytes(cube.read_bytes())
    assert detect(other, "-o", tmp_path / "out", "--overwrite") == 0
    assert not list((tmp_path / "out").glob("clean.*"))


def test_a_cube_without_a_beam_is_refused_with_the_way_out(cube, tmp_path, capsys):
    with fits.open(cube, mode="update") as hdus:
        for key in ("BMAJ", "BMIN", "BPA"):
            del hdus[0].header[key]
    assert detect(cube, "-o", tmp_path / "out") == 1
    told = capsys.readouterr().err.strip()
    assert "has no restoring beam" in told
    assert "--psf" in told
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--purity", "1.5"], "give a share between 0 and 1"),
        (["--settings", "s.yaml"], "add --models"),
        (["--purity", "0.9", "--psf", "p.fits"], "for restored cubes"),
        (["--psf", "no.fits"], "no such file"),
        (["--rest-frequency", "230538"], "give it in GHz"),
    ],
)
def test_options_that_cannot_be_used_are_refused_in_one_line(cube, tmp_path, capsys, options, words):
    assert detect(cube, "-o", tmp_path / "out", *options) == 1
    told = capsys.readouterr().err.strip()
    assert words in told
    assert "\n" not in told
    assert not (tmp_path / "out").exists()


def dirty_and_psf(folder: Path, psf: UvInstrument) -> None:
    """Files of a dirty cube of two sources whose sidelobes are above the noise, and of a dirty beam."""
    uv = UvInstrument()
    sources = (Truth(x=22.3, y=25.6, continuum=3.0, lines=((10.0, 8.2, 3.0),)), Truth(x=41.7, y=40.2, continuum=2.0))
    header = make_header((uv.n_channels, uv.n_pixels, uv.n_pixels))
    header["BUNIT"] = "Jy/beam"
    data = sum(uv.dirty(source) for source in sources) + uv.noise(np.random.default_rng(3), white=0.1)
    write_cube(folder / "dirty.fits", data, header, {})
    write_cube(folder / "psf.fits", psf.psf(), make_header(psf.psf().shape), {})


def test_a_dirty_cube_is_fitted_through_its_beam(tmp_path):
    """Both sources are found, and no sidelobe."""
    dirty_and_psf(tmp_path, UvInstrument())
    assert detect(tmp_path / "dirty.fits", "--psf", tmp_path / "psf.fits", "-o", tmp_path / "out") == 0
    found: Table = read_table(tmp_path / "out" / "catalogue.ecsv")
    assert len(found) == 2
    assert sorted(found["x"]) == pytest.approx([22.3, 41.7], abs=0.1)
    assert (found["reliability"] > 0.95).all()
    assert not any(FLAG in str(flags) for flags in found["flags"])
    assert set(read_table(tmp_path / "out" / "candidates.ecsv")["reason"]) == {"kept"}


def test_an_image_that_is_no_dirty_beam_is_refused_at_once(tmp_path, capsys):
    dirty_and_psf(tmp_path, UvInstrument())
    out = tmp_path / "out"
    assert detect(tmp_path / "dirty.fits", "--psf", tmp_path / "dirty.fits", "-o", out) == 1
    assert "dirty.fits: is no dirty beam: both sides of its peak differ" in capsys.readouterr().err
    assert not out.exists()


def test_the_beam_of_another_image_is_told(tmp_path, caplog):
    uv = UvInstrument()
    dirty_and_psf(tmp_path, UvInstrument(u=uv.u / 1.05, v=uv.v / 1.05))
    assert detect(tmp_path / "dirty.fits", "--psf", tmp_path / "psf.fits", "-o", tmp_path / "out") == 0
    assert "% narrower than the given one" in caplog.text
    assert all(FLAG in str(flags) for flags in read_table(tmp_path / "out" / "catalogue.ecsv")["flags"])


def test_the_help_says_the_purity_that_is_used():
    assert SearchSettings().purity == detect_command.PURITY
