"""``cubefocus detect`` with a bundle: it finds what the rule finds, and says what it assumes or cannot do."""

import logging
import shutil

import numpy as np
import pytest
from astropy.table import Table
from bundles import SETTINGS, assert_same_rows

from cubefocus.alma.fitted import COLUMNS
from cubefocus.cli import detect_files
from cubefocus.cli.main import main
from cubefocus.cube.beams import with_beam
from cubefocus.cube.reading import read_cube
from cubefocus.cube.writing import write_cube
from cubefocus.files import read_table, write_table
from cubefocus.jobs import detect as rule
from cubefocus.tables.published import FORMATS

SEEDS = {4: 1, 9: 2, 10: 3}


@pytest.fixture(autouse=True)
def _logs(caplog):
    caplog.set_level(logging.INFO, logger="cubefocus")


@pytest.fixture
def cubes(scene, source, tmp_path):
    """A finished batch of three cubes as the workflow makes it; paths by cube id."""
    folder = tmp_path / "cubes"
    write_table(folder / "truth.ecsv", Table(meta={"cubes": [{"cube_id": number} for number in SEEDS]}), {})
    paths = {}
    for number, seed in SEEDS.items():
        one = scene([source(20, 22, 8), source(9, 31, 4)], n_pixels=40, n_channels=16, seed=seed).cube
        one.header["BUNIT"], paths[number] = "Jy/beam", folder / f"{number:06d}.dirty.fits"
        write_cube(paths[number], one.data, one.header, {"cube_id": number, "seed": 5})
    return paths


def detect(cubes, bundle, output, *options):
    """Exit code of the command."""
    return main(["detect", *map(str, cubes), "--models", str(bundle), "-o", str(output), *map(str, options)])


def names(folder):
    return {path.name for path in folder.iterdir()}


def test_command_and_rule_find_the_same_row_by_row(bundle, cubes, tmp_path):
    files = {"products": "products.h5", "catalogue": "catalogue.ecsv", "candidates": "candidates.ecsv"}
    made = {name: str(tmp_path / "rule" / file) for name, file in {**files, "time": "time.json"}.items()}
    rule.run(rule.Detect(cubes=str(tmp_path / "cubes"), bundle=str(bundle), **made))
    assert detect(cubes.values(), bundle, tmp_path / "out") == 0
    for name in ("catalogue", "candidates"):
        ours, theirs = (read_table(folder / f"{name}.ecsv") for folder in (tmp_path / "out", tmp_path / "rule"))
        assert set(ours["cube_id"]) == set(SEEDS)
        assert len(ours) > len(SEEDS)
        assert_same_rows(ours, theirs)


def test_each_cube_has_the_rows_that_it_has_alone(bundle, cubes, tmp_path):
    assert detect(cubes.values(), bundle, tmp_path / "all") == 0
    assert detect([cubes[9]], bundle, tmp_path / "one") == 0
    together = read_table(tmp_path / "all" / "catalogue.ecsv")
    assert_same_rows(together[together["cube_id"] == 9], read_table(tmp_path / "one" / "catalogue.ecsv"))


def test_settings_of_the_bundle_count_and_others_are_told(bundle, cubes, tmp_path, caplog):
    assert detect([cubes[4]], bundle, tmp_path / "a") == 0
    assert "replaced" not in caplog.text
    higher = float(np.median(read_table(tmp_path / "a" / "candidates.ecsv")["probability"]))
    (tmp_path / "own.yaml").write_text(f"detection: {{blobs: {{threshold: {higher}, min_pixels: 4}}}}\n")
    assert detect([cubes[4]], bundle, tmp_path / "b", "--settings", tmp_path / "own.yaml") == 0
    assert f"{bundle}: detection.blobs.threshold is replaced by {higher}" in caplog.messages
    assert "min_pixels is replaced" not in caplog.text
    one, other = (read_table(tmp_path / name / "candidates.ecsv") for name in "ab")
    assert SETTINGS["blobs"]["threshold"] < one["probability"].min() < higher < other["probability"].min()
    facts = [table.meta["provenance"] for table in (one, other)]
    assert "replaced" not in facts[0]
    assert facts[1]["replaced"] == {"blobs": {"threshold": higher}}
    assert facts[0]["bundle"] == facts[1]["bundle"] != ""
    assert facts[0]["settings"] != facts[1]["settings"]


def test_ids_come_from_headers_or_else_from_the_place_in_the_list(bundle, cubes, tmp_path, capsys):
    cube = read_cube(cubes[4])
    del cube.header["PROVENAN"]
    cube.header["OBJECT"] = "mine"
    for name in ("own.fits", "foreign.fits"):
        write_cube(tmp_path / name, cube.data, cube.header, {} if name == "own.fits" else {"cube_id": "x"})
    given = [cubes[9], tmp_path / "own.fits", tmp_path / "foreign.fits", cubes[4]]
    assert detect(given, bundle, tmp_path / "out") == 0
    assert set(read_table(tmp_path / "out" / "catalogue.ecsv")["cube_id"]) == {9, 1, 2, 4}
    shutil.copy(cubes[9], tmp_path / "copy.fits")
    assert detect([cubes[9], tmp_path / "copy.fits"], bundle, tmp_path / "twice") == 1
    message = capsys.readouterr().err
    assert f"{tmp_path / 'copy.fits'}: has the cube_id 9, as {cubes[9]} has" in message
    assert not (tmp_path / "twice").exists()


def test_cube_unlike_the_training_is_told_with_value_and_range(bundle, scene, source, tmp_path, caplog):
    one = scene([source(20, 22, 8)], n_pixels=40, n_channels=24).cube
    one.header["BUNIT"] = "Jy/beam"
    write_cube(tmp_path / "wide.fits", one.data, one.header, {})
    assert detect([tmp_path / "wide.fits"], bundle, tmp_path / "out") == 0
    sentence = "number of channels 24, where the networks were trained on 16: spectra are resampled"
    (record,) = [record for record in caplog.records if "trained on" in record.message]
    assert (record.levelname, record.message) == ("WARNING", f"{tmp_path / 'wide.fits'}: {sentence}")
    told = read_table(tmp_path / "out" / "catalogue.ecsv").meta["provenance"]["outside"]
    assert told == {str(tmp_path / "wide.fits"): [sentence]}


def test_one_bad_cube_does_not_stop_the_others(bundle, cubes, tmp_path, capsys, caplog):
    cube = read_cube(cubes[9])
    write_cube(tmp_path / "blank.fits", cube.data * np.nan, cube.header, {"cube_id": 70})
    (tmp_path / "short.fits").write_bytes(cubes[9].read_bytes()[:9000])
    given = [cubes[4], tmp_path / "blank.fits", tmp_path / "none.fits", tmp_path / "short.fits", cubes[10]]
    assert detect(given, bundle, tmp_path / "out") == 1
    message = capsys.readouterr().err
    bad = ", ".join(map(str, given[1:4]))
    assert f"3 of 5 cubes could not be searched: {bad}; {tmp_path / 'out'} has what the others hold" in message
    errors = [record.message for record in caplog.records if record.levelname == "ERROR"]
    assert [error.startswith(str(path)) for error, path in zip(errors, given[1:4], strict=True)] == [True] * 3
    table = read_table(tmp_path / "out" / "catalogue.ecsv")
    assert set(table["cube_id"]) == {4, 10}
    assert set(table.meta["provenance"]["failed"]) == set(map(str, given[1:4]))
    assert {path.name for path in (tmp_path / "out").glob("*.reg")} == {"000004.dirty.reg", "000010.dirty.reg"}


def test_a_defect_in_one_cube_does_not_take_the_others_with_it(bundle, cubes, tmp_path, monkeypatch, caplog):
    real = detect_files.field_figure

    def broken(field):
        if field.cube_id == 9:
            raise ZeroDivisionError("a defect")
        return real(field)

    monkeypatch.setattr(detect_files, "field_figure", broken)
    assert detect(cubes.values(), bundle, tmp_path / "out") == 1
    assert set(read_table(tmp_path / "out" / "catalogue.ecsv")["cube_id"]) == {4, 10}
    assert any(record.exc_info for record in caplog.records)


def test_nothing_is_left_where_no_cube_could_be_searched(bundle, cubes, tmp_path, capsys):
    cube = read_cube(cubes[9])
    for name in ("a.fits", "b.fits"):
        write_cube(tmp_path / name, cube.data * np.nan, cube.header, {})
    assert detect([tmp_path / "a.fits", tmp_path / "b.fits"], bundle, tmp_path / "out") == 1
    assert "2 of 2 cubes could not be searched" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_second_search_into_a_folder_asks_and_then_leaves_nothing_of_the_first(bundle, cubes, tmp_path, capsys):
    out = tmp_path / "out"
    assert detect([cubes[4], cubes[9]], bundle, out) == 0
    (out / "notes.txt").write_text("mine")
    (out / "mine.reg").write_text("# Region file format: DS9 version 4.1\nimage\ncircle(3,3,2)\n")
    shutil.copy(out / "000004.dirty.field.png", out / "copy.png")
    before = (out / "catalogue.ecsv").read_bytes()
    assert detect([cubes[9]], bundle, out) == 1
    assert f"{out}: holds the results of an earlier search" in capsys.readouterr().err
    assert (out / "catalogue.ecsv").read_bytes() == before
    assert detect([cubes[9]], bundle, out, "--overwrite") == 0
    pictures = {f"000009.dirty.{end}" for end in ("reg", "crtf", "field.png", "spectra.png")}
    tables = {*(f"catalogue.{kind}" for kind in FORMATS), "candidates.ecsv", "products.h5"}
    assert names(out) == {*tables, *pictures, "notes.txt", "mine.reg", "copy.png"}
    assert set(read_table(out / "catalogue.ecsv")["cube_id"]) == {9}


def test_folder_with_other_files_is_no_folder_with_results(bundle, cubes, tmp_path):
    assert detect([cubes[4]], bundle, cubes[4].parent) == 0
    assert cubes[4].is_file()
    assert (cubes[4].parent / "catalogue.ecsv").is_file()


def no_search(*_, **__):
    pytest.fail("the search began")


@pytest.mark.parametrize("place", ["taken", "taken/below", "/proc/none/out"])
def test_folder_that_cannot_be_written_is_refused_before_the_search(
    bundle, cubes, tmp_path, monkeypatch, capsys, place
):
    (tmp_path / "taken").write_text("a file")
    monkeypatch.setattr(detect_files, "load_dirty", no_search)
    assert detect([cubes[4]], bundle, tmp_path / place) == 1
    assert f"{tmp_path / place}: no folder can be made or written here" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("230.538e9", r"above 10000 GHz; give it in GHz, 230.538 if this is in Hz"),
        ("1420405752", r"give it in GHz, 1.420405752 if this is in Hz"),
        ("230538000", r"give it in GHz, 230.538 if this is in kHz"),
        ("230538", r"give it in GHz, 230.538 if this is in MHz"),
        ("inf", "--rest-frequency is inf"),
        ("nan", "--rest-frequency is nan"),
        ("0", "--rest-frequency is 0"),
        ("-230.5", "--rest-frequency is -230.5"),
    ],
)
def test_rest_frequency_that_is_not_in_ghz_is_refused(bundle, cubes, tmp_path, monkeypatch, capsys, value, message):
    monkeypatch.setattr(detect_files, "load_dirty", no_search)
    assert detect([cubes[4]], bundle, tmp_path / "out", f"--rest-frequency={value}") == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("value", ["0.230538", "100.5", "0.1"])
def test_rest_frequency_that_no_line_of_the_cube_can_have_is_refused(bundle, cubes, tmp_path, capsys, value):
    assert detect([cubes[4]], bundle, tmp_path / "out", "--rest-frequency", value) == 1
    assert f"a line at 229.995 GHz cannot have the rest frequency {value} GHz" in capsys.readouterr().err


def test_rest_frequency_gives_velocities(bundle, cubes, tmp_path):
    assert detect([cubes[4]], bundle, tmp_path / "out", "--rest-frequency", "230.538") == 0
    table = read_table(tmp_path / "out" / "catalogue.ecsv")
    np.testing.assert_allclose(table["velocity"], 299792.458 * (1 - table["frequency"] / 230.538), rtol=1e-9)
    assert table.meta["provenance"]["replaced"] == {"rest_frequency_ghz": 230.538}


def test_checkpoints_are_no_bundle(cubes, bundle, checkpoints, tmp_path, capsys):
    assert detect([cubes[4]], tmp_path / "models", tmp_path / "out") == 1
    message = capsys.readouterr().err
    assert f"{tmp_path / 'models'}: holds checkpoints" in message
    assert f"name {bundle}" in message
    assert not (tmp_path / "out").exists()


def test_bundle_without_a_network_of_the_chain_is_refused(bundle, cubes, tmp_path, capsys):
    from cubefocus.learn.bundle import Bundle

    whole = Bundle.load(bundle)
    part = {name: one for name, one in whole.networks.items() if name != "flux"}
    Bundle(part, whole.detection).save(tmp_path / "part")
    assert detect([cubes[4]], tmp_path / "part", tmp_path / "out") == 1
    assert f"{tmp_path / 'part'}: has no trained flux" in capsys.readouterr().err


def test_a_bundle_says_how_it_was_made(bundle, capsys):
    for path in (bundle, bundle / "bundle.json"):
        assert main(["provenance", str(path)]) == 0
        assert capsys.readouterr().out == "seed  3\n"


def test_a_dirty_beam_that_does_not_belong_to_the_cube_is_refused(bundle, cubes, tmp_path, capsys):
    cube = read_cube(cubes[4])
    write_cube(tmp_path / "psf.fits", cube.data[:5], cube.header, {})
    assert detect([cubes[4]], bundle, tmp_path / "found", "--psf", tmp_path / "psf.fits") == 1
    assert "has 5 channels" in capsys.readouterr().err
    assert not (tmp_path / "found" / "catalogue.ecsv").exists()


def test_a_missing_dirty_beam_and_a_primary_beam_alone_are_refused(bundle, cubes, tmp_path, capsys):
    assert detect([cubes[4]], bundle, tmp_path / "found", "--psf", tmp_path / "no.fits") == 1
    assert detect([cubes[4]], bundle, tmp_path / "found", "--pb", cubes[4]) == 1
    told = capsys.readouterr().err
    assert "no such file" in told
    assert "add --psf" in told


def test_restored_cubes_are_fitted_behind_the_beam_of_their_header(bundle, cubes, tmp_path, caplog):
    cube = read_cube(cubes[4])
    write_cube(tmp_path / "clean.fits", cube.data, with_beam(cube.header, [(0.5, 0.3, 20.0)], "ALMA"), {"cube_id": 4})
    assert detect([tmp_path / "clean.fits"], bundle, tmp_path / "found", "--restored") == 0
    fitted = read_table(tmp_path / "found" / "fitted.ecsv")
    assert fitted.colnames == [one.name for one in COLUMNS]
    assert (tmp_path / "found" / "fitted.csv").is_file()
    assert "restoring beam of the header" in fitted.meta["provenance"]["restored"]
    assert "taken as restored by CLEAN with the beam of its header, 0.5 x 0.3 arcsec at 20 deg" in caplog.text


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--restored", "--psf", "psf.fits"], "give one of them"),
        (["--pb", "pb.fits"], "or for cleaned cubes --restored"),
        (["--restored", "--pb", "no.fits"], "no such file"),
    ],
)
def test_options_that_contradict_each_other_are_refused_in_one_line(bundle, cubes, tmp_path, capsys, options, words):
    assert detect([cubes[4]], bundle, tmp_path / "found", *options) == 1
    told = capsys.readouterr().err.strip()
    assert words in told
    assert "\n" not in told
    assert not (tmp_path / "found").exists()


def test_cube_without_a_beam_cannot_have_been_restored(bundle, cubes, tmp_path, capsys):
    cube = read_cube(cubes[4])
    for key in ("BMAJ", "BMIN", "BPA"):
        cube.header.remove(key, ignore_missing=True)
    write_cube(tmp_path / "no_beam.fits", cube.data, cube.header, {})
    assert detect([tmp_path / "no_beam.fits"], bundle, tmp_path / "found", "--restored") == 1
    assert f"{tmp_path / 'no_beam.fits'}: has no restoring beam (BMAJ, BMIN, BPA)" in capsys.readouterr().err
    assert not (tmp_path / "found").exists()
