"""Table 1 on a catalogue with known numbers."""

import logging

import numpy as np
import pytest
from astropy.table import Table
from evaluate_catalogues import catalogue, square

from cubefocus.errors import CubefocusError
from cubefocus.report.methods import Method
from cubefocus.report.oracle import chain_extraction, oracle_boxes
from cubefocus.report.tables.detection import detection_table
from cubefocus.settings import BlobSettings, EvaluationSettings
from cubefocus.stats.intervals import wilson

SETTINGS = EvaluationSettings(bootstrap=200)
TRUE = catalogue([square(0, 0, 0), square(0, 40, 40), square(1, 0, 0), square(2, 5, 5)])
# Cube 0: one hit, one miss. Cube 1: a hit with IoU 90/110. Cube 2: a miss. Cube 3, empty: two false ones.
PRED = catalogue([square(0, 0, 0), square(1, 1, 0), square(3, 0, 0), square(3, 30, 30)])
ORACLE = Method("oracle", TRUE)


def row_of(table, method, source="this run"):
    return table[(table["method"] == method) & (table["source"] == source)][0]


def test_known_numbers():
    row = row_of(detection_table([ORACLE, Method("chain", PRED)], TRUE, range(4), SETTINGS), "chain")
    assert (row["n_cubes"], row["n_sources"], row["tp"], row["fp"], row["fn"]) == (4, 4, 2, 2, 2)
    assert (row["precision"], row["recall"], row["f1"]) == (0.5, 0.5, 0.5)
    assert row["mean_iou"] == pytest.approx((1 + 90 / 110) / 2)
    assert [row["recall_lo"], row["recall_hi"]] == pytest.approx(np.array(wilson(2, 4, 0.68)))
    assert 0 <= row["f1_lo"] < 0.5 < row["f1_hi"] <= 1
    assert row["oracle_recall"] == 1.0
    assert row["note"] == ""


def test_lines_count_only_for_methods_that_find_lines():
    elsewhere = TRUE.copy()
    elsewhere["z0"] += 20.0
    elsewhere["z1"] += 20.0
    methods = [ORACLE, Method("blobs_finder", elsewhere), Method("chain", elsewhere, with_line=True)]
    table = detection_table(methods, TRUE, range(4), SETTINGS)
    assert row_of(table, "blobs_finder")["recall"] == 1.0
    assert row_of(table, "chain")["recall"] == 0.0
    assert "line IoU" in row_of(table, "chain")["criterion"]


def test_published_rows_stand_beside_ours():
    methods = [Method(name, PRED, oracle=None) for name in ("chain", "mine")]
    table = detection_table(methods, TRUE, range(4), SETTINGS)
    assert list(table["source"][:4]) == ["this run", "published MNRAS", "published ECML", "this run"]
    assert row_of(table, "chain", "published ECML")["mean_iou"] == 0.84
    blobcat = row_of(table, "blobcat", "published MNRAS")
    # 4056 found and 354 missed are not the 4556 there were.
    assert np.isnan(row_of(table, "blobs_finder", "published MNRAS")["f1"])
    assert (blobcat["tp"], blobcat["fp"], blobcat["fn"]) == (2779, 2429, 1777)
    assert blobcat["f1"] == pytest.approx(2 * 0.5336 * 0.60996 / (0.5336 + 0.60996), abs=1e-3)


@pytest.mark.parametrize("nothing", [Table(), catalogue([])])
def test_no_detections_give_nan_with_a_reason(nothing):
    row = row_of(detection_table([ORACLE, Method("chain", nothing, with_line=True)], TRUE, range(4), SETTINGS), "chain")
    assert (row["tp"], row["fp"], row["fn"], row["recall"], row["f1"]) == (0, 0, 4, 0.0, 0.0)
    assert np.isnan([row["precision"], row["precision_lo"], row["mean_iou"], row["mean_iou_hi"]]).all()
    assert row["note"].startswith("no detections")


def test_a_field_without_sources():
    row = row_of(detection_table([Method("chain", PRED, oracle=None)], catalogue([]), range(4), SETTINGS), "chain")
    assert (row["fp"], row["precision"]) == (4, 0.0)
    assert np.isnan(row["recall"])
    assert "no sources" in row["note"]


def test_a_method_above_its_oracle_is_reported(caplog):
    worse = Method("oracle", TRUE[:2])
    with caplog.at_level(logging.WARNING):
        table = detection_table([worse, Method("chain", TRUE)], TRUE, range(4), SETTINGS)
    assert "above its oracle (0.500)" in row_of(table, "chain")["note"]
    assert "chain" in caplog.text


def test_a_missing_oracle_is_noted():
    assert "no oracle" in row_of(detection_table([Method("chain", PRED)], TRUE, range(4), SETTINGS), "chain")["note"]


def test_intervals_of_a_row_do_not_depend_on_the_other_rows():
    alone = detection_table([ORACLE], TRUE, range(4), SETTINGS, seed=3)
    among = detection_table([Method("chain", PRED), ORACLE], TRUE, range(4), SETTINGS, seed=3)
    assert row_of(alone, "oracle")["f1_lo"] == row_of(among, "oracle")["f1_lo"]


def test_settings_say_what_is_wrong():
    with pytest.raises(CubefocusError, match="iuo"):
        EvaluationSettings.from_mapping({"iuo": 0.6})
    with pytest.raises(CubefocusError, match="60"):
        EvaluationSettings.from_mapping({"iou": 60})


def gaussian(x, y, sigma, size=64):
    rows, columns = np.mgrid[:size, :size]
    return np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2))


def test_the_oracle_finds_separate_sources_and_merges_touching_ones():
    apart = gaussian(15, 15, 3) + gaussian(45, 45, 3)
    touching = gaussian(30, 30, 3) + gaussian(36, 30, 3)
    found = oracle_boxes([(7, apart), (8, touching), (9, np.zeros((64, 64)))], chain_extraction(BlobSettings()))
    assert found["cube_id"].tolist() == [7, 7, 8]
    # 0.15 of the peak is reached at 3 sqrt(2 ln(1/0.15)) = 5.84 px.
    assert list(found[0])[1:] == [10, 10, 21, 21]


def test_the_oracle_of_an_empty_field_is_an_empty_table():
    found = oracle_boxes([(1, np.zeros((8, 8)))], chain_extraction(BlobSettings()))
    assert len(found) == 0
    assert found.colnames == ["cube_id", "x0", "y0", "x1", "y1"]
