"""What a user finds on disk: regions, pictures, products, and the command."""

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from regions import Regions

from cubefocus.alma.inputs import load_dirty
from cubefocus.cli import detect_files as command
from cubefocus.cli.detect_files import detect_files, read_settings
from cubefocus.cli.folder import file_names
from cubefocus.cli.main import main
from cubefocus.cli.provenance import read_provenance
from cubefocus.cube.writing import write_cube
from cubefocus.errors import CubefocusError
from cubefocus.files import read_table
from cubefocus.tables.regions import write_regions


def test_command_writes_all_products(scene, source, oracle, tmp_path):
    one = scene([source(25, 30, 10), source(70, 60, 28)])
    write_cube(tmp_path / "field.fits", one.cube.data, one.cube.header, {"seed": 1})
    detect_files(oracle([one]), [tmp_path / "field.fits"], tmp_path / "out", {"models": "oracle"})
    names = {path.name for path in (tmp_path / "out").iterdir()}
    catalogues = {"catalogue.ecsv", "catalogue.csv", "catalogue.xml", "catalogue.fits"}
    assert names == catalogues | {
        "candidates.ecsv",
        "products.h5",
        "field.reg",
        "field.crtf",
        "field.field.png",
        "field.spectra.png",
    }
    table = read_table(tmp_path / "out" / "catalogue.ecsv")
    facts = {"models": "oracle", "cubes": [str(tmp_path / "field.fits")], "inputs": [{"seed": 1}]}
    assert table.meta["provenance"] == facts
    for name in names:
        assert read_provenance(tmp_path / "out" / name) == facts
    with h5py.File(tmp_path / "out" / "products.h5") as file:
        group = file["000000"]
        assert group["spectra/dirty"].shape == (2, 40)
        assert group["line_images"].shape == (2, 64, 64)
        total = np.clip(group["line_images"][0], 0, None).sum()
        assert total == pytest.approx(table["flux_line"][0], rel=0.1)


def test_names_with_quotes_and_dollars_are_names_only(scene, source, oracle, bundle, tmp_path, monkeypatch, capsys):
    odd = 'my "odd" cube\'s $(touch pwned) `touch pwned` $x^$'
    one = scene([source(25, 30, 10)])
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(command, "load_chain", lambda *_, **__: oracle([one]))
    bundle.rename(f"{odd} models")
    write_cube(f"{odd}.fits", one.cube.data, one.cube.header, {})
    assert main(["detect", f"{odd}.fits", "--models", f"{odd} models", "-o", f"{odd} found"]) == 0
    assert {path.name for path in Path().iterdir()} == {f"{odd}.fits", f"{odd} models", f"{odd} found"}
    names = {path.name for path in Path(f"{odd} found").iterdir()}
    assert {f"{odd}.reg", f"{odd}.crtf", f"{odd}.field.png", f"{odd}.spectra.png"} < names
    for name in names:
        assert main(["provenance", "--json", f"{odd} found/{name}"]) == 0
        assert json.loads(capsys.readouterr().out)["cubes"] == [f"{odd}.fits"]


def test_pictures_of_an_empty_field_can_be_drawn(scene, oracle, tmp_path):
    one = scene([])
    write_cube(tmp_path / "empty.fits", one.cube.data, one.cube.header, {})
    chain = oracle([one], maps=[np.zeros((96, 96))], spectra=np.zeros((0, 40)))
    found = detect_files(chain, [tmp_path / "empty.fits"], tmp_path / "out", {})
    assert len(found.catalogue) == 0
    assert (tmp_path / "out" / "empty.spectra.png").stat().st_size > 1000


def test_error_of_a_bad_cube_names_its_file(scene, source, oracle, tmp_path):
    one = scene([source(25, 30, 10)])
    write_cube(tmp_path / "bad.fits", one.cube.data * np.nan, one.cube.header, {})
    with pytest.raises(CubefocusError, match="all NaN") as caught:
        detect_files(oracle([one]), [tmp_path / "bad.fits"], tmp_path / "out", {})
    assert str(caught.value).startswith(f"{tmp_path / 'bad.fits'} holds no finite value")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("cards", "message"),
    [
        ({"BUNIT": "K", "BMAJ": 0.0}, "is in K and has no beam"),
        ({"BUNIT": "bananas"}, "BUNIT is 'bananas'"),
        ({"CTYPE3": "VRAD", "CUNIT3": "m/s"}, "without RESTFRQ"),
        ({"CUNIT3": "m/s"}, "CTYPE3 is FREQ but CUNIT3 is m/s"),
        ({"CRVAL2": 95.0}, "CRVAL2 is 95"),
    ],
)
def test_cube_that_says_too_little_is_refused_by_name(scene, cards, message, tmp_path):
    cube = scene([]).cube
    cube.header.update(cards)
    write_cube(tmp_path / "odd.fits", cube.data, cube.header, {})
    with pytest.raises(CubefocusError, match=rf"odd\.fits: .*{message}"):
        load_dirty(tmp_path / "odd.fits")


@pytest.mark.parametrize(("unit", "scale"), [("K", 1.0), ("mK", 1e-3)])
def test_a_brightness_temperature_becomes_a_flux_density_in_a_beam(scene, unit, scale, tmp_path):
    """T = 1.222e6 K S / (nu^2 a b), S in Jy, nu in GHz, beam in arcsec: of each channel its own."""
    cube = scene([]).cube
    ghz = cube.frequencies_hz / 1e9
    cube.header.update({"BUNIT": unit, "BMAJ": 0.6 / 3600, "BMIN": 0.4 / 3600, "BPA": 0.0})
    write_cube(tmp_path / "a.fits", cube.data, cube.header, {})
    read = load_dirty(tmp_path / "a.fits")
    kelvin = scale * cube.data
    np.testing.assert_allclose(1.222e6 * read.data / (ghz**2 * 0.6 * 0.4)[:, None, None], kelvin, rtol=1e-3)
    assert read.header["BUNIT"] == "Jy/beam"


@pytest.mark.parametrize(("unit", "factor"), [("Jy/beam", 1.0), ("JY/BEAM", 1.0), ("mJy/beam", 1e-3), (None, 1.0)])
def test_catalogue_is_in_jy_per_beam_whatever_the_file_is_in(scene, unit, factor, tmp_path):
    cube = scene([]).cube
    if unit:
        cube.header["BUNIT"] = unit
    write_cube(tmp_path / "a.fits", cube.data, cube.header, {})
    read = load_dirty(tmp_path / "a.fits")
    np.testing.assert_allclose(read.data, factor * cube.data, rtol=1e-6)
    assert unit is None or factor == 1.0 or read.header["BUNIT"] == "Jy/beam"  # what is written of it says so


def test_output_that_is_a_file_is_refused(scene, source, oracle, tmp_path):
    one = scene([source(25, 30, 10)])
    write_cube(tmp_path / "a.fits", one.cube.data, one.cube.header, {})
    with pytest.raises(CubefocusError, match=r"a\.fits: no folder can be made or written here"):
        detect_files(oracle([one]), [tmp_path / "a.fits"], tmp_path / "a.fits", {})


def test_regions_are_one_based_with_the_angle_turned_round(scene, source, oracle, tmp_path):
    one = scene([source(25, 30, 10)])
    table = oracle([one]).detect([one.cube]).catalogue
    write_regions(tmp_path / "a", table, {"seed": 1}, one.cube.wcs)
    lines = (tmp_path / "a.reg").read_text().splitlines()
    assert lines[1] == '# {"seed": 1}'
    assert lines[2] == "image"
    values = lines[3].removeprefix("ellipse(").split(")")[0].split(",")
    x, y, a, _, angle = map(float, values)
    assert (x, y) == pytest.approx((26, 31), abs=0.1)
    assert a == pytest.approx(table["fwhm_x"][0] / 2, abs=1e-3)
    assert angle == -30
    ellipse, box = Regions.read(tmp_path / "a.crtf", format="crtf")
    assert ellipse.meta["label"] == str(table["name"][0])
    assert ellipse.center.ra.deg == pytest.approx(table["ra"][0], abs=1e-7)
    drawn, around = ellipse.to_pixel(one.cube.wcs), box.to_pixel(one.cube.wcs)
    assert (drawn.center.x + 1, drawn.width, drawn.angle.deg % 180) == pytest.approx((x, 2 * a, 150), abs=1e-2)
    assert (around.center.x + 0.5, around.height) == pytest.approx(
        ((table["x0"][0] + table["x1"][0]) / 2, table["y1"][0] - table["y0"][0]), abs=1e-3
    )


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["a/x.fits", "b/x.fits.gz", "y.fits"], ["0.x", "1.x", "y"]),
        (["a/x.fits", "b/x.fits", "0.x.fits"], ["0.0.x", "1.x", "0.x"]),
        (["a/x.fits", "1.X.fits", "c/X.FITS"], ["0.x", "1.X", "2.X"]),
        (["x.tar.gz", "x.fits.gz", "x"], ["x.tar", "1.x", "2.x"]),
    ],
)
def test_two_cubes_of_one_name_do_not_overwrite_each_other(paths, names):
    assert file_names([Path(path) for path in paths]) == names


def test_settings_come_from_a_config_or_from_its_section(tmp_path):
    (tmp_path / "whole.yaml").write_text("seed: 1\ndetection: {blobs: {threshold: 0.2}}\n")
    (tmp_path / "part.yaml").write_text("blobs: {threshold: 0.2}\n")
    for name in ("whole.yaml", "part.yaml"):
        assert read_settings(tmp_path / name) == {"blobs": {"threshold": 0.2}}
    (tmp_path / "none.yaml").write_text("detection:\n")
    assert read_settings(tmp_path / "none.yaml") == {}
    (tmp_path / "odd.yaml").write_text("detection: [1]\n")
    with pytest.raises(CubefocusError, match=r"detection is \[1\]"):
        read_settings(tmp_path / "odd.yaml")
    (tmp_path / "bad.yaml").write_text("a: [")
    with pytest.raises(CubefocusError, match="not YAML"):
        read_settings(tmp_path / "bad.yaml")
    (tmp_path / "twice.yaml").write_text("blobs: {threshold: 0.2}\nflux: {dilation: 2}\nblobs: {overlap: 0.5}\n")
    with pytest.raises(CubefocusError, match=r"twice\.yaml: line 3: the key blobs stands twice, first in line 1"):
        read_settings(tmp_path / "twice.yaml")
    (tmp_path / "typo.yaml").write_text("blobs: {treshold: 0.2}\n")
    with pytest.raises(
        CubefocusError, match=r"typo\.yaml: unknown key detection\.blobs\.treshold: did you mean threshold"
    ):
        read_settings(tmp_path / "typo.yaml")
