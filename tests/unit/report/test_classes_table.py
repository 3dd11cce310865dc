"""Scores by class of source, on sources whose class and errors are known."""

import numpy as np
import pytest
from astropy.table import vstack
from evaluate_fits import at_limit, limit, sources

from cubefocus.report.classes import DIVISIONS, beams_of, neighbour
from cubefocus.report.methods import Method
from cubefocus.report.tables.classes import classes_table
from cubefocus.settings import EvaluationSettings
from cubefocus.stats.intervals import wilson

SETTINGS = EvaluationSettings(bootstrap=30)
CUBES = 60


def drawn():
    rng = np.random.default_rng(4)
    true = sources(CUBES, rng)
    true.meta["cubes"] = [{"cube_id": cube, "beam_px": [6.0, 8.0]} for cube in range(CUBES)]
    bound = limit(true, rng)
    return true, bound, at_limit(true, bound, rng)


def rows_of(true, *found, bound=None):
    names = ("chain", "chain+fit")
    methods = [Method(name, one, with_line=True) for name, one in zip(names, found, strict=False)]
    table = classes_table(methods, true, SETTINGS, bound=bound)
    return {(row["by"], row["class"], row["method"]): row for row in table}


def test_classes_are_parts_of_all_and_count_their_own_misses():
    true, bound, found = drawn()
    faint = true["snr_image"] < 5.0
    missed = np.flatnonzero(faint)[::2]
    found.remove_rows(missed)
    rows = rows_of(true, found, bound=bound)
    assert rows["all", "all", "chain"]["tp"] == len(true) - len(missed)
    below = rows["SNR", "below 5", "chain"]
    assert (below["n_sources"], below["tp"]) == (faint.sum(), faint.sum() - len(missed))
    assert [below["recall_lo"], below["recall_hi"]] == pytest.approx(np.array(wilson(below["tp"], faint.sum(), 0.68)))
    assert rows["SNR", "5 to 10", "chain"]["recall"] == 1.0
    for division in DIVISIONS:
        for name in ("n_sources", "tp", "fp"):
            parts = sum(rows[division.name, one, "chain"][name] for one in division.names)
            assert parts == rows["all", "all", "chain"][name], (division.name, name)


def test_a_false_detection_is_of_the_class_that_it_claims():
    true, _, found = drawn()
    false = found[:3].copy()
    for name in ("y", "y0", "y1"):
        false[name] = false[name] + 100
    false["snr_image"] = 7.0
    false["sigma_x"] = false["sigma_y"] = 2.0
    rows = rows_of(true, vstack([found, false]))
    assert {one: rows["SNR", one, "chain"]["fp"] for one in DIVISIONS[1].names} == {
        "below 5": 0, "5 to 10": 3, "10 to 20": 0, "20 and above": 0,
    }  # fmt: skip
    between = rows["SNR", "5 to 10", "chain"]
    assert between["precision"] == pytest.approx(between["tp"] / (between["tp"] + 3))
    round_ = rows["axis ratio", "up to 1.2", "chain"]
    assert (round_["n_sources"], round_["fp"], round_["precision"], round_["note"]) == (0, 3, 0.0, "no sources")
    assert np.isnan([round_["recall"], round_["x_std"], round_["mean_iou"]]).all()


def test_errors_are_those_of_the_class():
    true, bound, found = drawn()
    bright = true["snr_image"] >= 10.0
    worse = found.copy()
    worse["x"] = np.where(bright, found["x"], true["x"] + 5.0 * (found["x"] - true["x"]))
    rows = rows_of(true, found, worse, bound=bound)
    good, bad = (rows["SNR", "5 to 10", name] for name in ("chain", "chain+fit"))
    assert good["x_over_limit"] == pytest.approx(1.0, abs=0.15)
    assert good["x_coverage_68"] == pytest.approx(0.683, abs=0.12)
    assert bad["x_std"] == pytest.approx(5.0 * good["x_std"])
    assert bad["x_over_limit"] == pytest.approx(5.0 * good["x_over_limit"])
    assert bad["x_coverage_68"] < 0.35
    for name in ("x_std", "x_over_limit", "mean_iou"):
        assert rows["SNR", "10 to 20", "chain+fit"][name] == pytest.approx(rows["SNR", "10 to 20", "chain"][name])
    assert good["x_std_lo"] < good["x_std"] < good["x_std_hi"]
    assert np.isnan(good["flux_relative_over_limit"])  # no bound of it is known


def test_one_source_has_no_standard_deviation():
    true, bound, found = drawn()
    row = rows_of(true[:1], found[:1], bound=bound)["all", "all", "chain"]
    assert (row["tp"], row["recall"]) == (1, 1.0)
    assert np.isnan([row["x_std"], row["x_over_limit"], row["x_std_lo"]]).all()


def test_neighbours_are_within_a_cube_and_compared_with_its_own_beam():
    true, _, found = drawn()
    assert neighbour(true) == pytest.approx(np.full(len(true), 40.0))
    assert np.isinf(neighbour(true[:1])).all()
    true.meta["cubes"][0]["beam_px"] = [30.0, 60.0]
    true.meta["cubes"][1]["beam_px"] = None
    assert (beams_of(true)[0], 1 in beams_of(true)) == (45.0, False)
    rows = rows_of(true, found)
    assert rows["nearest neighbour", "closer than the beam", "chain"]["n_sources"] == 5
    assert rows["nearest neighbour", "not closer", "chain"]["n_sources"] == len(true) - 10


def test_a_field_without_sources_or_detections():
    true, bound, found = drawn()
    for pred, real in ((found[:0], true), (found, true[:0])):
        row = rows_of(real, pred, bound=bound)["all", "all", "chain"]
        assert (row["tp"], row["fp"]) == (0, len(pred))
        assert np.isnan(row["x_std"])
        assert row["note"] == ("no matched sources" if len(real) else "no sources")
