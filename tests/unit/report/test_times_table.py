"""Table 4 from records made by hand."""

import numpy as np
import pytest

from cubefocus.report import published
from cubefocus.report.published import THIS_RUN
from cubefocus.report.render import csv_text, latex_text, markdown_text
from cubefocus.report.tables.times import times_table
from cubefocus.timing import Clock, Cost

MACHINE = "a processor, 2 cores"
CHAIN = Clock(
    {
        "loading": Cost(4, 6.0, 6.0, 300.0),
        "reading": Cost(4, 2.0, 1.0, 900.0),
        "blobs_finder": Cost(4, 4.0, 8.0, 1200.0),
        "flux": Cost(4, 1.0, 1.0, 1000.0),
    },
    [MACHINE],
)
BLOBCAT = Clock({"tuning": Cost(8, 80.0, 80.0, 200.0, "54 points of the grid"), "search": Cost(4, 2.0, 2.0, 150.0)})
TCLEAN = Clock({"clean": Cost(4, 240.0, 260.0, 2000.0), **BLOBCAT.stages}, [MACHINE, "another one"])


def ours(table, method):
    return [row for row in table if (row["method"], row["source"]) == (method, THIS_RUN)]


def test_stages_of_the_chain_per_cube_and_their_total():
    rows = ours(times_table(CHAIN, {}), "chain")
    assert [row["stage"] for row in rows] == ["loading", "reading", "blobs_finder", "flux", "total"]
    assert [row["seconds_per_cube"] for row in rows] == [1.5, 0.5, 1.0, 0.25, 1.75]
    assert [row["cpu_seconds_per_cube"] for row in rows] == [1.5, 0.25, 2.0, 0.25, 2.5]
    assert [row["peak_memory_mb"] for row in rows] == [300, 900, 1200, 1000, 1200]
    assert {(row["n_cubes"], row["hardware"]) for row in rows} == {(4, MACHINE)}
    assert "not in the total" in rows[0]["note"]


def test_tuning_is_apart_and_a_single_stage_needs_no_total():
    rows = ours(times_table(CHAIN, {"blobcat": BLOBCAT}), "blobcat")
    assert [(row["stage"], row["seconds_per_cube"], row["n_cubes"]) for row in rows] == [
        ("tuning", 10.0, 8),
        ("search", 0.5, 4),
    ]
    assert rows[0]["note"].endswith("not in the total; 54 points of the grid")


def test_cleaning_is_a_part_of_what_tclean_costs():
    rows = ours(times_table(CHAIN, {"tclean": TCLEAN}), "tclean")
    assert [row["stage"] for row in rows] == ["clean", "tuning", "search", "total"]
    assert rows[-1]["seconds_per_cube"] == 60.0 + 0.5
    assert rows[-1]["cpu_seconds_per_cube"] == 65.0 + 0.5
    assert (rows[-1]["peak_memory_mb"], rows[-1]["n_cubes"]) == (2000, 4)
    assert rows[-1]["hardware"] == f"{MACHINE}; another one"


def test_a_finder_that_was_not_run_says_so():
    table = times_table(CHAIN, {"sofia": Clock(note="not run: there is no program sofia on PATH"), "blobcat": BLOBCAT})
    (row,) = ours(table, "sofia")
    assert row["note"] == "not run: there is no program sofia on PATH"
    assert np.isnan([row["seconds_per_cube"], row["peak_memory_mb"], row["n_cubes"]]).all()
    assert len(ours(table, "blobcat")) == 2


def test_published_times_stand_beside_ours_or_come_last():
    rows = [(row["method"], row["stage"], row["source"]) for row in times_table(CHAIN, {"tclean": TCLEAN})]
    for method, stage, source in [("chain", "blobs_finder", published.ESO), ("tclean", "clean", published.ESO)]:
        assert rows[rows.index((method, stage, THIS_RUN)) + 1] == (method, stage, source)
    absent = [("chain", "deep_gru", published.MNRAS), ("chain", "morphology", published.MNRAS)]
    assert rows[-3:] == [*absent, ("blobcat", "search", published.ECML)]
    assert len([row for row in rows if row[2] != THIS_RUN]) == len(published.TIMES)
    figures = {(row.method, row.stage): row.seconds for row in published.TIMES}
    assert figures["tclean", "clean"] == pytest.approx(258)
    assert figures["chain", "blobs_finder"] == pytest.approx(0.023)


def test_no_cube_has_no_time_per_cube():
    rows = ours(times_table(Clock({"reading": Cost(0, 1.0, 1.0, 5.0), "flux": Cost(2, 1.0, 1.0, 5.0)}), {}), "chain")
    assert np.isnan([rows[0]["seconds_per_cube"], rows[-1]["seconds_per_cube"]]).all()


def test_it_can_be_written():
    table = times_table(CHAIN, {"tclean": TCLEAN, "sofia": Clock(note="not run")})
    assert "chain,blobs_finder,this run,4,1,2,1200" in csv_text(table)
    assert "| chain | blobs\\_finder | this run | 4 | 1 | 2 | 1200 | a processor, 2 cores |" in markdown_text(table)
    assert r"\label{tab:times}" in latex_text(table)
