"""`make paper-tables`: what the script does with a run, and that set-ups of print and of the experiments agree."""

from __future__ import annotations

import csv
import runpy
import shutil
from pathlib import Path

import pytest
import yaml

from cubefocus.cli.provenance import read_provenance
from cubefocus.report.published import ECML, MNRAS, SETUPS
from cubefocus.report.setup_difference import difference

ROOT = Path(__file__).parents[3]
PUBLISHED_RUN = ROOT / "docs" / "results" / "mini"


def main(run: Path) -> None:
    runpy.run_path(str(ROOT / "scripts" / "paper_tables.py"))["main"](run)


def test_a_published_run_has_its_page_with_the_origin_of_its_tables(tmp_path, capsys):
    run = tmp_path / "mini"
    shutil.copytree(PUBLISHED_RUN / "tables", run / "tables")
    shutil.copy(PUBLISHED_RUN / "config.yaml", run)
    main(run)
    page = run / "paper-tables.html"
    assert capsys.readouterr().out == f"{page}\n"
    facts, tables = read_provenance(page), read_provenance(run / "tables" / "detection.csv")
    assert facts["tables"] == tables["code"]
    assert {key: facts[key] for key in ("experiment", "seed", "config")} == {
        key: tables[key] for key in ("experiment", "seed", "config")
    }
    with (run / "tables" / "detection.csv").open() as rows:
        (chain,) = (row for row in csv.DictReader(rows) if (row["method"], row["source"]) == ("chain", "this run"))
    assert f"{chain['tp']} ({float(chain['recall']):.1%})" in page.read_text()


@pytest.mark.parametrize("there", ["nothing", "config.yaml"])
def test_a_run_that_was_not_made_is_told_in_one_line(tmp_path, there):
    run = tmp_path / "run"
    if there != "nothing":
        run.mkdir()
        shutil.copy(PUBLISHED_RUN / there, run)
    missing = "config.yaml" if there == "nothing" else "tables/detection.csv"
    with pytest.raises(SystemExit, match=f"^error: {run}: has no {missing}; make the run first$"):
        main(run)


@pytest.mark.parametrize(("paper", "overlays"), [(MNRAS, ["paper"]), (ECML, ["paper", "ecml"])])
def test_the_experiments_of_the_papers_have_the_set_up_of_print(paper, overlays):
    config: dict = {}
    for name in overlays:
        config = joined(config, yaml.safe_load((ROOT / "experiments" / f"{name}.yaml").read_text()))
    assert difference(config, paper) == "The set-up is the published one, as far as the paper says."
    assert difference(config, MNRAS if paper == ECML else ECML).startswith("What differs")
    assert SETUPS[paper]["evaluation.iou"] == config["evaluation"]["iou"]


def joined(base: dict, overlay: dict) -> dict:
    """Nested keys are merged, everything else is replaced."""
    both = {key: joined(base[key], overlay[key]) for key in base if isinstance(overlay.get(key), dict)}
    return base | overlay | both
