"""The published figures agree with each other as far as they do in print."""

import math

import pytest

from cubefocus.report import published


@pytest.mark.parametrize("row", published.DETECTION[1:], ids=lambda row: f"{row.method}, {row.source}")
def test_counts_add_up_and_give_the_printed_precision_and_recall(row):
    assert row.tp + row.fn == published.N_TEST_SOURCES
    for printed, counted in ((row.precision, row.tp / (row.tp + row.fp)), (row.recall, row.tp / (row.tp + row.fn))):
        assert math.isnan(printed) or printed == pytest.approx(counted, abs=0.0065)


def test_stages_lead_from_the_blobs_to_the_catalogue():
    stages = {row.stage: row for row in published.STAGES}
    dropped = sum(stages[name].n_candidates for name in ("condition_1", "condition_2", "low_snr"))
    assert stages["peaks"].n_candidates - dropped == stages["catalogue"].n_candidates == 4202
    assert stages["blobs"].n_false == stages["no_peak"].n_false + 1
