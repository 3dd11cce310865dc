"""A changed setting or an edit re-runs the rules that depend on it, and no others: seen in the params of dry runs."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
PARAMS = """
import json, sys
from snakemake.cli import main
import snakemake.jobs as jobs
seen = {}
real = jobs.Job.__init__
def noting(self, rule, *args, **kwargs):
    real(self, rule, *args, **kwargs)
    name = " ".join([rule.name, *map(str, (self.wildcards.get(each, "") for each in ("network", "method")))])
    seen[" ".join(name.split())] = {key: value for key, value in self.params.items()}
jobs.Job.__init__ = noting
code = 0
try:
    main(sys.argv[1:])
except SystemExit as end:
    code = end.code
print("PARAMS" + json.dumps(seen, default=str))
sys.exit(code)
"""
Params = dict[str, dict[str, Any]]


def params(folder: Path, config: str = "{}", root: Path = ROOT) -> Params:
    """Params of the jobs of a dry run of the default experiment with an overlay, by rule and network or finder."""
    (folder / "overlay.yaml").write_text(config)
    command = [sys.executable, "-c", PARAMS, "--dry-run", "--quiet", "all", "--directory", str(folder)]
    command += ["--snakefile", str(root / "Snakefile"), "--cores", "1", "--configfile", str(root / "config.yaml")]
    done = subprocess.run([*command, str(folder / "overlay.yaml")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.rsplit("PARAMS", 1)[1])


def changed(before: Params, after: Params) -> set[str]:
    assert before.keys() == after.keys()
    # as texts: Snakemake compares what is written, in which the order of keys counts
    return {name for name in before if json.dumps(before[name]) != json.dumps(after[name])}


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> Params:
    return params(tmp_path_factory.mktemp("usual"))


PREDICTIONS = {"predict_blobs", "predict_lines", "predict_morphology"}
METHODS = ("threshold", "blobcat", "bdsf", "aegean", "decoras", "matched_filter")
TUNED = {f"tune {name}" for name in METHODS}


@pytest.mark.workflow
@pytest.mark.parametrize(
    ("overlay", "rerun"),
    [
        ("evaluation: {bootstrap: 77}", {"tables"}),
        ("evaluation: {iou: 0.7}", {"tables", "figures", "decide", *TUNED, *PREDICTIONS}),
        ("finders: {tuning_cubes: 3}", TUNED),
        ("detection: {rest_frequency_ghz: 230.5}", {"bundle", "fit", "fit_inverted", "fit_validation"}),
        (
            "detection: {spectra: {peak_height: 0.2}}",
            {"bundle", "predict_lines", "predict_morphology"},
        ),
        ("detection: {fit: {keep: 8.0}}", {"bundle", "fit", "fit_inverted", "fit_validation"}),
        ("models: {blobs_finder: {latent: 64}}", {"train_blobs_finder blobs_finder"}),
        ("models: {deep_gru: {hidden: 4}}", {"train deep_gru", "finetune_deep_gru deep_gru"}),
        ("training: {deep_gru: {epochs: 7}}", {"train deep_gru"}),
        ("finetuning: {deep_gru: {epochs: 7}}", {"finetune_deep_gru deep_gru"}),
    ],
)
def test_a_changed_setting_reruns_what_depends_on_it(
    tmp_path: Path, usual: Params, overlay: str, rerun: set[str]
) -> None:
    assert changed(usual, params(tmp_path, overlay)) == {*rerun, "record_config"}


@pytest.mark.workflow
def test_the_order_of_keys_and_repeated_defaults_rerun_nothing(tmp_path: Path, usual: Params) -> None:
    config = yaml.safe_load((ROOT / "config.yaml").read_text())

    def turned(value: Any) -> Any:
        return {key: turned(value[key]) for key in reversed(value)} if isinstance(value, dict) else value

    for number, text in enumerate((turned(config), {"experiment": config["experiment"]})):
        (tmp_path / str(number)).mkdir()
        root = clone(tmp_path / str(number) / "clone")
        (root / "config.yaml").write_text(yaml.safe_dump(text, sort_keys=False))
        assert changed(usual, params(tmp_path / str(number), root=root)) == set()


def clone(place: Path) -> Path:
    """The repository's workflow and package somewhere else, to be edited."""
    place.mkdir()
    for name in ("workflow", "scripts", "cubefocus"):
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Snakefile", "config.yaml"):
        shutil.copy(ROOT / name, place / name)
    return place


TRAININGS = {
    *(f"train {name}" for name in ("deep_gru", "sigma_x", "sigma_y", "pa", "flux", "decoras")),
    "train_blobs_finder blobs_finder",
    "finetune_deep_gru deep_gru",
    *(f"finetune_morphology {name}" for name in ("sigma_x", "sigma_y", "pa")),
    "finetune_flux flux",
}
EDITS = {
    "cubefocus/report/pictures.py": set(),
    "cubefocus/report/figures/style.py": {"draw_engines", "curves", "figures"},
    "cubefocus/find/threshold.py": {"tune threshold", "find threshold"},
    "cubefocus/find/bdsf.py": {"tune bdsf", "find bdsf"},
    "cubefocus/learn/losses.py": {*TRAININGS},
    "cubefocus/engines/casa_job.py": {"simulate", "response", "compare_engines", "draw_engines"},
    "scripts/simulate.py": {"simulate"},
    "scripts/collect.py": {
        *("collect", "collect_fitted", "collect_fitted_inverted", "collect_inverted", "collect_truth")
    },
    "cubefocus/jobs/predict.py": PREDICTIONS,
    "cubefocus/specs.py": set(),
}


@pytest.mark.workflow
def test_an_edit_reruns_what_is_made_with_it(tmp_path: Path, usual: Params) -> None:
    root = clone(tmp_path / "clone")
    assert changed(usual, params(tmp_path, root=root)) == set(), "a fresh clone re-runs nothing"
    for name, rerun in EDITS.items():
        before = (root / name).read_bytes()
        (root / name).write_bytes(before + b"\n# edited\n")
        seen = changed(usual, params(tmp_path, root=root))
        (root / name).write_bytes(before)
        if name == "cubefocus/learn/losses.py":
            assert seen >= rerun
            assert not {each for each in seen if each.split()[0] in ("simulate", "tune", "curves")}
        else:
            assert seen == rerun, name
