"""Scoring in Python: tables in memory and on disk, with the settings of the command."""

import pytest
from astropy.table import Table

from cubefocus import evaluate
from cubefocus.errors import CubefocusError


@pytest.fixture
def truth():
    rows = {"cube_id": [0, 0, 1], "x": [10.0, 30.0, 20.0], "y": [10.0, 12.0, 25.0], "flux": [1.0, 2.0, 3.0]}
    table = Table(rows)
    for axis in "xy":
        table[f"{axis}0"], table[f"{axis}1"] = table[axis] - 4, table[axis] + 4
    return table


def test_perfect_catalogue_and_one_with_a_false_and_a_missed_source(truth):
    (row,) = evaluate(truth, truth).detection
    assert (row["tp"], row["fp"], row["fn"], row["mean_iou"]) == (3, 0, 0, 1.0)
    moved = truth.copy()
    for name in ("x", "x0", "x1"):
        moved[name][1] += 9.0
    scores = evaluate(moved, truth)
    (row,) = scores.detection
    assert (row["tp"], row["fp"], row["fn"]) == (2, 1, 1)
    assert scores.parameters is not None
    (row,) = evaluate(moved, truth, settings={"distance": 10.0}, ignore=["boxes"]).detection
    assert (row["tp"], row["fp"], row["fn"]) == (3, 0, 0)


def test_tables_on_disk_are_scored_like_those_in_memory(truth, tmp_path):
    truth.write(tmp_path / "mine.ecsv")
    one, other = evaluate(truth, truth), evaluate(tmp_path / "mine.ecsv", str(tmp_path / "mine.ecsv"))
    assert one.detection["f1_lo"][0] == other.detection["f1_lo"][0]
    with pytest.raises(CubefocusError, match=r"none\.ecsv"):
        evaluate(tmp_path / "none.ecsv", truth)
    with pytest.raises(CubefocusError, match="unknown key evaluation.iuo"):
        evaluate(truth, truth, settings={"iuo": 0.5})
