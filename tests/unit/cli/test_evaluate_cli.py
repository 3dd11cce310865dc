"""``cubefocus evaluate``: any program's catalogue in any format gets the scores of the evaluation's own code."""

import csv
import warnings

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from evaluate_catalogues import catalogue, square

from cubefocus.cli.main import main
from cubefocus.report.methods import Method
from cubefocus.report.tables.detection import detection_table
from cubefocus.settings import EvaluationSettings

FORMATS = {"ecsv": "ascii.ecsv", "csv": "ascii.csv", "fits": "fits", "vot": "votable"}
TRUE = [square(3, 0, 0), square(3, 40, 40), square(4, 0, 0), square(5, 5, 5)]
# Cube 3: a hit and a miss. Cube 4: a hit with IoU 90/110. Cube 5: a miss, and a false one elsewhere.
FOUND = [square(3, 0, 0), square(4, 1, 0), square(5, 60, 60)]


def truth(rows=TRUE):
    table = catalogue(rows)
    table["x"], table["y"] = 0.5 * (table["x0"] + table["x1"] - 1), 0.5 * (table["y0"] + table["y1"] - 1)
    return table


def save(table, path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # VOTable and FITS warn about meta data that they cannot hold
        table.write(path, format=FORMATS[path.suffix[1:]], overwrite=True)
    return path


@pytest.fixture
def scores(tmp_path):
    """Run the command on tables (files named by the keys) and give the rows of detection.csv."""

    def score(found, true, *arguments):
        paths = [item if not isinstance(item, Table) else save(item, tmp_path / name)
                 for item, name in ((found, "mine.ecsv"), (true, "true.ecsv"))]  # fmt: skip
        folder = tmp_path / "scores"
        assert main(["evaluate", *map(str, (*paths, *arguments)), "-o", str(folder)]) == 0
        with open(folder / "detection.csv") as file:
            return list(csv.DictReader(file))

    return score


def counts(row):
    return tuple(int(row[name]) for name in ("tp", "fp", "fn"))


def test_the_scores_are_those_of_the_evaluation(scores):
    (row,) = scores(catalogue(FOUND), truth())
    method = Method("mine", catalogue(FOUND), with_line=True, oracle=None)
    expected = detection_table([method], truth(), {3, 4, 5}, EvaluationSettings(), seed=1)[0]
    assert counts(row) == (2, 1, 2)
    for name in ("precision", "recall", "f1", "mean_iou", "f1_lo", "mean_iou_hi"):
        assert float(row[name]) == pytest.approx(expected[name], rel=1e-5)
    assert row["criterion"] == "IoU >= 0.6, centres < 3 px, line IoU >= 0.6"
    assert row["note"] == ""


@pytest.mark.parametrize("ending", FORMATS)
def test_each_format_gives_the_same_scores(tmp_path, scores, ending):
    expected = scores(catalogue(FOUND), truth())
    found = save(catalogue(FOUND), tmp_path / f"mine.{ending}")
    true = truth()
    true["split"] = ["test"] * len(true)
    assert scores(found, save(true, tmp_path / f"true.{ending}"), "--split", "test") == expected


def renamed(names):
    table = truth(FOUND)
    for old, new in names.items():
        table.rename_column(old, new)
    return table


def inclusive():
    table = renamed({"x0": "X_MIN", "y0": "Y_MIN", "x1": "X_MAX", "y1": "Y_MAX"})
    for name in ("X_MAX", "Y_MAX"):
        table[name] -= 1
    return table


def sizes():
    table = truth(FOUND)["cube_id", "x", "y", "z0", "z1"]
    table["width"], table["height"] = [10.0] * len(table), [10.0] * len(table)
    table.rename_columns(["x", "y"], ["xcen", "YCEN"])
    return table


def from_one():
    table = truth(FOUND)
    for name in ("x", "y", "x0", "y0", "x1", "y1", "z0", "z1"):
        table[name] += 1
    return table


@pytest.mark.parametrize(
    ("found", "options"),
    [
        (inclusive(), ()),
        (sizes(), ()),
        (from_one(), ("--origin", "1")),
        (renamed({"cube_id": "Field_ID"}), ()),
        (renamed({"x0": "left", "cube_id": "nr"}), ("--column", "x0=left", "--column", "mine:cube_id=nr")),
    ],
)
def test_boxes_and_names_of_other_programs_mean_the_same_boxes(scores, found, options):
    assert scores(found, truth(), *options) == scores(catalogue(FOUND), truth())


def test_line_ranges_of_other_programs(scores):
    inclusive_range, widths = truth(), truth()
    inclusive_range.rename_columns(["z0", "z1"], ["z_min", "z_max"])
    inclusive_range["z_min"] += 0.5
    inclusive_range["z_max"] -= 0.5
    widths["z"], widths["fwhm_z"] = 0.5 * (widths["z0"] + widths["z1"]), 0.5 * (widths["z1"] - widths["z0"])
    widths.remove_columns(["z0", "z1"])
    for found in (inclusive_range, widths):
        (row,) = scores(found, truth(), "--line-iou", "1.0")
        assert counts(row) == (4, 0, 0)


def test_lines_count_where_both_have_them_unless_they_are_ignored(scores):
    elsewhere = truth()
    elsewhere["z0"] += 20.0
    elsewhere["z1"] += 20.0
    assert counts(scores(elsewhere, truth())[0]) == (0, 4, 4)
    assert counts(scores(elsewhere, truth(), "--ignore", "lines")[0]) == (4, 0, 0)


def test_without_boxes_only_the_distance_counts_and_the_table_says_so(scores):
    found = truth()["cube_id", "x", "y"]
    found["x"] += [0.0, 2.0, 4.0, 0.0]
    (row,) = scores(found, truth())
    assert counts(row) == (3, 1, 1)
    assert row["criterion"] == "centres < 3 px"
    assert "by distance only" in row["note"]
    assert np.isnan(float(row["mean_iou"]))
    assert counts(scores(found, truth(), "--distance", "5")[0]) == (4, 0, 0)


def test_parameters_are_compared_where_both_tables_have_them(tmp_path, scores):
    true, found = truth(), truth()
    found["x"] += 0.5
    true["sigma_x"], found["fwhm_x"] = [2.0] * 4, [2 * 2.3548200450309493] * 4
    true["flux"], found["flux"] = [0.1] * 4 * u.Jy / u.beam, [90.0] * 4 * u.mJy / u.beam
    scores(found, true)
    with open(tmp_path / "scores/parameters.csv") as file:
        rows = {row["parameter"]: row for row in csv.DictReader(file)}
    assert list(rows) == ["x", "y", "sigma_x", "extension", "flux", "flux_relative"]
    assert (float(rows["x"]["mean"]), float(rows["sigma_x"]["mean"])) == pytest.approx((-0.5, 0.0), abs=1e-9)
    assert (float(rows["flux"]["mean"]), float(rows["flux_relative"]["mean"])) == pytest.approx((10.0, 0.1))


def test_parameters_in_other_units_do_not_stop_the_counting(tmp_path, scores, caplog):
    true, found = truth(), truth()["cube_id", "x0", "y0", "x1", "y1"]
    true["flux"], found["flux"] = [0.1] * 4 * u.Jy / u.beam, [0.1] * 4 * u.Jy
    true["sigma_x"], found["fwhm_x"] = [2.0] * 4, [0.3] * 4 * u.arcsec
    found["RA"] = ["12:34:56"] * 4  # not needed, so not read
    assert counts(scores(found, true)[0]) == (4, 0, 0)
    assert not (tmp_path / "scores/parameters.csv").exists()
    assert "flux in Jy" in caplog.text
    assert "fwhm_x in arcsec" in caplog.text


def test_other_catalogues_get_rows_under_their_names(tmp_path, scores):
    a = save(truth(), tmp_path / "perfect.vot")
    b = save(from_one(), tmp_path / "b.csv")
    rows = scores(catalogue(FOUND), truth(), "--against", a, f"theirs={b}", "--origin", "theirs:1")
    assert [row["method"] for row in rows] == ["mine", "perfect", "theirs"]
    assert [counts(row) for row in rows] == [(2, 1, 2), (4, 0, 0), (2, 1, 2)]


def test_a_truth_of_one_cube_needs_no_cube_column(scores):
    true = truth(TRUE[:2])
    found = true["x0", "y0", "x1", "y1"]
    assert counts(scores(found, true)[0]) == (2, 0, 0)
    true.remove_column("cube_id")
    assert counts(scores(found, true)[0]) == (2, 0, 0)


def test_an_empty_catalogue_misses_everything(scores):
    (row,) = scores(catalogue([]), truth())
    assert counts(row) == (0, 0, 4)
    assert row["note"].startswith("no detections")


def listed():
    """A truth table that lists its cubes: 3 to 5 and the empty 6 are the test split, 7 is not."""
    true = truth([*TRUE, square(7, 0, 0)])
    true["split"] = ["test"] * 4 + ["train"]
    true.meta["cubes"] = [{"cube_id": cube, "split": "train" if cube == 7 else "test"} for cube in range(3, 8)]
    return true


def test_cubes_without_sources_count_and_other_splits_do_not(scores):
    found = catalogue([*FOUND, square(6, 0, 0), square(7, 0, 0)])
    (row,) = scores(found, listed(), "--split", "test")
    assert (row["n_cubes"], row["n_sources"], *counts(row)) == ("4", "4", 2, 2, 2)


def test_cubes_that_the_truth_does_not_know_hold_false_detections(scores):
    (row,) = scores(catalogue([*FOUND, square(6, 0, 0)]), truth())
    assert (row["n_cubes"], *counts(row)) == ("4", 2, 2, 2)


def sky_header():
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.cdelt = ["RA---SIN", "DEC--SIN"], [60.0, -35.0], [-1e-4, 1e-4]
    wcs.wcs.crpix = [32, 32]
    return wcs


def with_directions(table, wcs):
    table["ra"], table["dec"] = wcs.wcs_pix2world(table["x"], table["y"], 0)
    return table


def test_directions_are_turned_into_pixels_by_a_header_that_fits_the_truth(tmp_path, scores, capsys):
    wcs = sky_header()
    cube = tmp_path / "cube.fits"
    fits.PrimaryHDU(np.zeros((64, 64), np.float32), wcs.to_header()).writeto(cube)
    true = with_directions(truth(), wcs)
    found = true["cube_id", "ra", "dec"]
    assert counts(scores(found, true, "--wcs", cube)[0]) == (4, 0, 0)
    true["x"] += 2.0
    assert "2 px" in refused(capsys, save(found, tmp_path / "a.csv"), save(true, tmp_path / "b.csv"), "--wcs", cube)
    other = truth()
    assert "no ra, dec" in refused(
        capsys, save(found, tmp_path / "c.csv"), save(other, tmp_path / "d.csv"), "--wcs", cube
    )


def test_the_printed_table_has_counts_scores_and_intervals(tmp_path, capsys):
    found, true = save(catalogue(FOUND), tmp_path / "mine.csv"), save(truth(), tmp_path / "true.csv")
    assert main(["evaluate", str(found), str(true)]) == 0
    head, row, *below = capsys.readouterr().out.splitlines()
    assert head.split()[:8] == ["method", "tp", "fp", "fn", "precision", "recall", "f1", "mean"]
    assert row.split()[:5] == ["mine", "2", "1", "2", "0.667"]
    assert "[0.3" in row
    assert "4 sources in 3 cubes" in "\n".join(below)
    assert "IoU >= 0.6" in below[-1]


def refused(capsys, *arguments):
    """Message of a run that must fail: exit code 1, one line on stderr, nothing on stdout."""
    capsys.readouterr()
    folder = arguments[0].parent / "nothing"
    assert main(["evaluate", *map(str, arguments), "-o", str(folder)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("cubefocus evaluate: error: ")
    assert err.count("\n") == 1
    assert not folder.exists()
    return err


def text_position():
    table = truth(FOUND)
    table["x"] = ["a", "b", "c"]
    return table


def in_arcsec():
    table = truth(FOUND)
    table["x0"] = table["x0"] * u.arcsec
    return table


def reversed_box():
    table = truth(FOUND)
    table["x0"], table["x1"] = table["x1"].copy(), table["x0"].copy()
    return table


@pytest.mark.parametrize(
    ("found", "options", "parts"),
    [
        (truth(FOUND), ("--column", "x0=LEFT"), ["mine.ecsv", "'LEFT'", "y1"]),
        (truth(FOUND), ("--column", "left=x0"), ["--column left=x0", "x_min"]),
        (truth(FOUND), ("--column", "width=x1"), ["width needs height"]),
        (truth(FOUND), ("--column", "other:x=x0"), ["no table 'other'", "mine, truth"]),
        (truth(FOUND), ("--origin", "2"), ["--origin 2"]),
        (truth(FOUND), ("--iou", "0"), ["iou is 0.0"]),
        (truth(FOUND), ("--seed", "-1"), ["--seed is -1", "0 or more"]),
        (truth(FOUND), ("--split", "test"), ["no column split"]),
        (truth(FOUND)["cube_id", "z0"], (), ["neither x and y nor a box", "cube_id, z0", "--column"]),
        (truth(FOUND)["x", "y"], (), ["which of the 3 cubes", "cube_id"]),
        (text_position(), (), ["'x'", "one number a row", "'a'"]),
        (in_arcsec(), (), ["arcsec", "pixels"]),
        (reversed_box(), (), ["row 1", "empty box along x"]),
        (truth([square(300, 0, 0)]), (), ["cubes 300", "3 to 5", "same experiment"]),
    ],
)  # fmt: skip
def test_bad_catalogues_and_options_are_told_in_one_line(tmp_path, capsys, found, options, parts):
    message = refused(capsys, save(found, tmp_path / "mine.ecsv"), save(truth(), tmp_path / "true.ecsv"), *options)
    for part in parts:
        assert part in message


def test_splits_of_the_truth_are_chosen_by_name(tmp_path, capsys):
    found, true = save(catalogue(FOUND), tmp_path / "mine.ecsv"), save(listed(), tmp_path / "true.ecsv")
    assert "test, train" in refused(capsys, found, true)
    assert "'valid'" in refused(capsys, found, true, "--split", "valid")
    stranger = save(catalogue([*FOUND, square(9, 0, 0)]), tmp_path / "stranger.ecsv")
    assert "cube 9" in refused(capsys, stranger, true, "--split", "test")


def test_two_rows_of_one_name_and_a_row_called_truth_are_refused(tmp_path, capsys):
    found, true = save(catalogue(FOUND), tmp_path / "mine.ecsv"), save(truth(), tmp_path / "true.ecsv")
    assert "NAME=FILE" in refused(capsys, found, true, "--against", f"a={found}", f"a={found}")
    assert "NAME=FILE" in refused(capsys, found, true, "--against", f"truth={found}")


def test_absent_unknown_and_damaged_files_are_told(tmp_path, capsys):
    true = save(truth(), tmp_path / "true.ecsv")
    assert "no such table" in refused(capsys, tmp_path / "absent.csv", true)
    (tmp_path / "mine.txt").write_text("x y\n1 2\n")
    assert ".ecsv" in refused(capsys, tmp_path / "mine.txt", true)
    for ending in ("ecsv", "fits", "vot"):
        whole = save(truth(), tmp_path / f"whole.{ending}")
        for part in (0.95, 0.5, 0.0):
            cut = tmp_path / f"cut.{ending}"
            cut.write_bytes(whole.read_bytes()[: int(part * whole.stat().st_size)])
            if ending != "ecsv" or part < 0.95:  # a text that lacks its last lines is a table still
                assert f"cut.{ending}: not a readable" in refused(capsys, cut, true)
    (tmp_path / "image.fits").write_bytes(b"")
    fits.PrimaryHDU(np.zeros((4, 4))).writeto(tmp_path / "image.fits", overwrite=True)
    assert "not a readable fits table" in refused(capsys, tmp_path / "image.fits", true)


def test_an_unwritable_folder_is_told(tmp_path, capsys):
    found, true = save(catalogue(FOUND), tmp_path / "mine.ecsv"), save(truth(), tmp_path / "true.ecsv")
    assert main(["evaluate", str(found), str(true), "-o", str(found)]) == 1
    assert "name another folder" in capsys.readouterr().err
