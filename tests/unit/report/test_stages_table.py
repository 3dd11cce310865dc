"""Table 3 on candidates made by hand, with the column names and reasons of the chain."""

import numpy as np
import pytest
from evaluate_catalogues import catalogue, square

from cubefocus.alma.catalogue import CANDIDATE_COLUMNS
from cubefocus.alma.rows import Reason
from cubefocus.errors import CubefocusError
from cubefocus.report.candidates import blobs, peaks
from cubefocus.report.tables.stages import MEANING, stages_table
from cubefocus.settings import EvaluationSettings

SETTINGS = EvaluationSettings()
TRUE = catalogue([square(0, 0, 0, z=10), square(0, 40, 40, z=20), square(1, 0, 0, z=10)])
NO_LINE = (np.nan, np.nan)


def candidates():
    rows = [
        square(0, 0, 0, z=10),  # a true source, kept
        square(0, 0, 0, z=11),  # a further peak on it
        square(0, 40, 40, z=20),  # a true source, dropped by mistake
        (0, 80, 80, 90, 90, *NO_LINE),  # a blob of noise without a peak
        square(1, 60, 60, z=5),  # a blob of noise with a peak
        (1, 0, 0, 10, 10, *NO_LINE),  # a true source in which no peak was found
    ]
    reasons = [Reason.KEPT, Reason.CONDITION_2, Reason.LOW_SNR, Reason.NO_PEAK, Reason.CONDITION_1, Reason.NO_PEAK]
    return catalogue(rows, parent_id=[-1, 0, -1, -1, -1, -1], reason=[str(reason) for reason in reasons])


def counts(table):
    return {row["stage"]: (row["n_candidates"], row["n_false"]) for row in table if row["source"] == "this run"}


def test_candidates_and_truly_false_ones_of_each_step():
    steps = counts(stages_table(candidates(), TRUE, SETTINGS))
    assert steps["blobs"] == (5, 2)
    assert steps["no_peak"] == (2, 1)
    assert steps["peaks"] == (4, 2)
    assert steps["condition_1"] == (1, 1)
    assert steps["condition_2"] == (1, 1)
    assert steps["low_snr"] == (1, 0)
    assert steps["merged"] == (0, 0)
    assert steps["catalogue"] == (1, 0)


def test_every_reason_of_the_chain_has_a_row():
    told = set(Reason) - {Reason.PENDING, Reason.KEPT}
    assert told < set(MEANING)
    assert told < set(counts(stages_table(candidates(), TRUE, SETTINGS)))


def test_the_columns_read_are_those_that_the_chain_writes():
    names = {spec.name for spec in CANDIDATE_COLUMNS}
    assert {"cube_id", "parent_id", "reason", "x0", "y0", "x1", "y1", "z0", "z1"} <= names


def test_published_stages_stand_beside_ours():
    table = stages_table(candidates(), TRUE, SETTINGS)
    published = {row["stage"]: (row["n_candidates"], row["n_false"]) for row in table if row["source"] != "this run"}
    assert published["condition_1"] == (29, 29)
    assert published["blobs"] == (4060, 4)
    dropped = sum(published[name][1] for name in ("no_peak", "condition_1", "condition_2", "low_snr"))
    assert dropped == 66  # 62 peaks and 4 blobs of noise


def test_no_candidates():
    table = stages_table(candidates()[:0], TRUE, SETTINGS)
    assert set(counts(table).values()) == {(0, 0)}
    assert np.isnan(table["false_fraction"][0])
    assert table["note"][0] == "no candidates"


def test_an_unfinished_chain_is_refused():
    unfinished = candidates()
    unfinished["reason"] = str(Reason.PENDING)
    with pytest.raises(CubefocusError, match="unfinished"):
        stages_table(unfinished, TRUE, SETTINGS)


def test_blobs_and_peaks_have_the_box_of_the_blob():
    rows = candidates()
    for name in ("x0", "y0", "x1", "y1"):
        rows[f"blob_{name}"] = rows[name] + 2
    assert len(blobs(rows)) == 5
    assert len(peaks(rows)) == 4
    assert blobs(rows)["x0"].tolist() == (rows["x0"] + 2)[[0, 2, 3, 4, 5]].tolist()
    assert blobs(rows[:0])["x0"].tolist() == []
    assert rows["x0"][0] == 0  # the table given is left as it was
