"""The papers' tables with ours beside them, from tables of a run written by hand."""

from __future__ import annotations

import csv
import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml

from cubefocus.errors import CubefocusError
from cubefocus.find.run import NOT_RUN
from cubefocus.report import published
from cubefocus.report.papers import TABLE_2, TABLE_4, TABLE_5, paper_sections, write_paper_tables
from cubefocus.report.published import ECML, MNRAS, THIS_RUN
from cubefocus.report.render import MISSING
from cubefocus.report.setup_difference import difference

CONFIG = {
    "experiment": "hand & made",
    "cubes": {"train": 3000, "test": 20},
    "engine": {"train": "fft", "test": "casa"},
    "noise": {"snr": [10.0, 30.0]},
    "evaluation": {"iou": 0.8, "interval": 0.68},
}


def found(method, tp, fp, note="", source=THIS_RUN, **more):
    """A row of the table of detections, of 20 cubes with 80 sources."""
    precision = tp / (tp + fp) if tp + fp else float("nan")
    row = {"method": method, "source": source, "n_cubes": 20, "n_sources": 80, "tp": tp, "fp": fp, "fn": 80 - tp}
    row |= {"precision": precision, "precision_lo": precision - 0.02, "precision_hi": precision + 0.01}
    return row | {"recall": tp / 80, "mean_iou": 0.85, "note": note, **more}


DETECTION = [
    found("oracle", 79, 0),
    found("blobcat", 40, 10, "detection 8.0, flooding 4.0"),
    found("blobcat", 2779, 2429, source=MNRAS),
    found("sofia", 0, 0, f"{NOT_RUN}no program; no detections: precision has no meaning"),
    found("blobs_finder", 60, 5),
    found("blobs_finder+deep_gru", 70, 9),
    found("chain", 70, 5),
    found("chain+fit", 78, 1),
]


def residual(parameter, mean, **more):
    row = {"parameter": parameter, "unit": "pix", "source": THIS_RUN, "n_sources": 70, "mean": mean, "std": 0.5}
    return row | dict.fromkeys(("within_1", "within_10", "within_20"), 0.25) | {"note": ""} | more


PARAMETERS = [residual("x", 0.125), residual("flux", -0.0001), residual("pa_elongated", 3.5)]
STAGES = [
    {"stage": stage, "meaning": "as said", "source": THIS_RUN, "n_candidates": n, "n_false": 1, "false_fraction": 0.5}
    for stage, n in (("blobs", 75), ("merged", 2))
]
TIMES = [
    {"method": method, "stage": stage, "source": THIS_RUN, "n_cubes": 20, "seconds_per_cube": seconds,
     "cpu_seconds_per_cube": 0.1, "hardware": "a processor", "note": ""}
    for method, stage, seconds in (("chain", "blobs_finder", 0.5), ("tclean", "clean", 60), ("blobcat", "tuning", 3))
]  # fmt: skip


@pytest.fixture
def run(tmp_path):
    """Folder of a run with the tables above."""
    folder = tmp_path / "a run"
    (folder / "tables").mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    write(folder, detection=DETECTION, detection_by_distance=[found("decoras", 72, 3)], parameters=PARAMETERS)
    write(folder, stages=STAGES, times=TIMES)
    return folder


def write(folder: Path, **tables) -> None:
    for name, rows in tables.items():
        with (folder / "tables" / f"{name}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, dict.fromkeys(key for row in rows for key in row), restval="nan")
            writer.writeheader()
            writer.writerows(rows)


def sections(run):
    return {section.title.partition(":")[0]: section for section in paper_sections(run / "tables", CONFIG)}


def cells(grid):
    """Rows of a grid by their first cell, each as a mapping of (heading, column) to text."""
    names = [(head, column) for head, columns in grid.heads for column in columns]
    return {row[0]: dict(zip(names, row, strict=True)) for _, rows in grid.parts for row in rows}


def test_detections_stand_in_the_order_of_print_with_ours_beside(run):
    for title, labels, source in (("MNRAS Table 4", TABLE_4, MNRAS), ("ECML-PKDD Table 2", TABLE_2, ECML)):
        counts, ratios = sections(run)[title].grids
        assert [row[0] for row in counts.parts[0][1]] == [*labels.values()] == [row[0] for row in ratios.parts[0][1]]
        pipeline = {name: str(value) for name, value in cells(counts)["Pipeline"].items()} | cells(ratios)["Pipeline"]
        assert (pipeline["TP", "published"], pipeline["TP", "this run"]) == ("4202 (92.3%)", "70 (87.5%)")
        assert (pipeline["FP", "published"], pipeline["FP", "this run"]) == ("0", "5")
        assert pipeline["Precision", "this run"] == "0.933 [0.913, 0.943]"
        (row,) = (one for one in published.DETECTION if (one.method, one.source) == ("chain", source))
        assert pipeline["Mean IoU", "published"] == str(row.mean_iou)
        assert "1000 cubes with 4556 sources. This run: 20 cubes with 80 sources" in sections(run)[title].before[0]


def test_all_published_detections_are_on_the_page(run):
    """Each row of print, with its counts, stands somewhere on the page."""
    shown = [row for section in sections(run).values() for grid in section.grids[:1] for row in cells(grid).values()]
    counts = [(row.get(("TP", "published"), "").split(" ")[0], row.get(("FP", "published"))) for row in shown]
    for row in (*published.DETECTION, *published.BY_DISTANCE):
        assert (str(row.tp), str(row.fp)) in counts


def test_what_a_run_lacks_is_a_dash_with_its_reason(run):
    counts, ratios = (cells(grid) for grid in sections(run)["MNRAS Table 4"].grids)
    for label, reason in (("Sofia-2", "this run: not run: no program"), ("decoras", "no such row in detection.csv")):
        for grid in (counts, ratios):
            ours = {text for (_, column), text in grid[label].items() if column == "this run"}
            assert ours == {MISSING}
            assert grid[label]["", "note"].endswith(reason)
    assert counts["decoras, by distance alone"]["TP", "this run"] == "72 (90.0%)"
    for name in ("parameters", "times", "stages", "detection_by_distance"):
        (run / "tables" / f"{name}.csv").unlink()
    less = sections(run)
    residuals = cells(less["MNRAS Table 5"].grids[0])["x (pixels)"]
    assert (residuals["mean", "published"], residuals["mean", "this run"]) == ("-0.004", MISSING)
    assert residuals["", "note"] == "this run: has no tables/parameters.csv"
    assert MISSING in less["ESO study section 5.5, MNRAS and ECML"].after[0]


def test_further_methods_and_columns_of_a_run_have_their_rows(run):
    grid = sections(run)["MNRAS Table 4"].grids[0]
    (only,) = (rows for title, rows in grid.parts if title == "Only in this run")
    assert [row[1:3] for row in only] == [[MISSING, "79 (98.8%)"], [MISSING, "78 (97.5%)"]]
    fitted = [row | {"method": method, "limit": 0.2} for row in PARAMETERS for method in ("chain", "chain+fit")]
    fitted[1] |= {"mean": 0.0625, "mean_lo": 0.05, "mean_hi": 0.07}
    write(run, parameters=[*fitted, residual("line_flux", 7.0, method="chain+fit", unit="Jy km / s")])
    rows = cells(sections(run)["MNRAS Table 5"].grids[0])
    at = [text for (head, _), text in rows["x (pixels)"].items() if head == "mean"]
    assert at == ["-0.004", "0.125", "0.062 [0.050, 0.070]"]
    only_fitted = [text for (head, _), text in rows["line flux (Jy km / s)"].items() if head == "mean"]
    assert only_fitted == [MISSING, MISSING, "7.000"]


def test_residuals_stand_in_the_order_of_print(run):
    moments, fractions = sections(run)["MNRAS Table 5"].grids
    assert [row[0] for row in moments.parts[0][1]] == [*TABLE_5.values()]
    flux = cells(moments)["flux (mJy/beam)"]
    assert (flux["mean", "published"], flux["mean", "this run"], flux["std", "published"]) == (
        "-9.56",
        "0.000",
        "20.08",
    )
    assert (flux["sources", "published"], flux["sources", "this run"]) == ("4202", "70")
    assert cells(moments)["flux, relative error"]["std", "published"] == "0.36"
    assert cells(moments)["pa elongated (pix)"]["mean", "published"] == MISSING
    assert set(cells(fractions)) == {"pa (degrees)", "flux (mJy/beam)"}
    assert cells(fractions)["flux (mJy/beam)"]["within 10 %", "published"] == "0.8"


def test_stages_and_times_stand_beside_the_published_ones(run):
    (stages,) = sections(run)["MNRAS section 5.1"].grids
    assert (cells(stages)["blobs"]["candidates", "published"], cells(stages)["blobs"]["candidates", "this run"]) == (
        "4060",
        "75",
    )
    assert cells(stages)["merged"]["candidates", "published"] == MISSING
    times = sections(run)["ESO study section 5.5, MNRAS and ECML"]
    rows = cells(times.grids[0])
    assert len(rows) == len(published.TIMES) + 1  # and the tuning of blobcat
    assert rows["tclean, clean"]["seconds a cube", "published"] == "258.0"
    assert rows["tclean, clean"]["seconds a cube", "this run"] == "60"
    assert rows["tclean, clean"]["this run", "cubes"] == "20"
    assert times.after == ["CLEAN takes 120 times as long as Blobs Finder in this run."]


def test_the_sentence_names_what_differs_and_nothing_else():
    setup = {section: {} for section in ("cubes", "observation", "sky", "noise", "engine")}
    setup |= {"models": {"blobs_finder": {}, "resnet": {}}, "training": {"blobs_finder": {}}}
    setup |= {"detection": {"blobs": {}}, "evaluation": {}}
    for key, value in published.SETUPS[MNRAS].items():
        *places, name = key.split(".")
        section = setup
        for place in places:
            section = section[place]
        section[name] = list(value) if isinstance(value, tuple) else value
    assert difference(setup, MNRAS) == "The set-up is the published one, as far as the paper says."
    assert "Blobs Finder mnras (ecml); threshold of the map 0.15 (0.1); IoU of boxes 0.6 (0.8)" in difference(
        setup, ECML
    )
    setup["noise"]["snr"] = [3.0, 10.0]
    setup["observation"]["n_pixels"] = 128
    del setup["engine"]
    assert difference(setup, MNRAS).endswith(
        ": pixels and channels of a cube 128 x 128 (360 x 128); engine of the training cubes not recorded (casa); "
        "engine of the test cubes not recorded (casa); SNR of the central source 3 to 10 (10 to 30)."
    )


class Tags(HTMLParser):
    """Counts the cells of each row, and refuses tags that are not closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.rows = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag == "meta":
            return
        self.open.append(tag)
        if tag == "table":
            self.rows.append([])
        if tag == "tr":
            self.rows[-1].append(0)
        if tag in ("td", "th"):
            self.rows[-1][-1] += int(dict(attrs).get("colspan", 1))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_one_whole_file_that_asks_for_nothing_else(run):
    path = write_paper_tables(run, {"experiment": "x", "code": "some code -- of the tables"})
    text = path.read_text()
    tags = Tags(text)
    assert not tags.open
    assert len(tags.rows) == 8
    assert all(len(set(rows)) == 1 for rows in tags.rows)
    assert not re.search(r"<script|<link|<img|https?:|url\(", text)
    assert "hand &amp; made" in text
    assert "68 % interval" in unescape(text)
    assert write_paper_tables(run, {"experiment": "x", "code": "some code -- of the tables"}).read_text() == text


def test_a_config_of_something_else_is_refused(run):
    for text in ("[1, 2]", "experiment: x", "experiment: x\nevaluation:"):
        (run / "config.yaml").write_text(text)
        with pytest.raises(CubefocusError, match="is not the config of a run"):
            write_paper_tables(run, {})


DAMAGED = {
    "a column less": ("method,source,n_cubes\nchain,this run,20\n", "no column n_sources"),
    "no method": ("source,tp\nthis run,20\n", "no column method"),
    "cut off": ("method,source,tp\nchain,this run\n", "not as many values"),
    "a word": ("method,source,n_cubes,n_sources,tp,fp,fn\nchain,this run,20,80,many,0,0\n", "'many' in column tp"),
}


@pytest.mark.parametrize(("text", "message"), DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_table_is_one_clear_error(run, text, message):
    (run / "tables" / "detection.csv").write_text(text)
    with pytest.raises(CubefocusError, match=message) as caught:
        write_paper_tables(run, {})
    assert str(run / "tables" / "detection.csv") in str(caught.value)
    assert not [*run.glob("*.html")]
