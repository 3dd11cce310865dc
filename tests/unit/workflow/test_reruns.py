"""An edit or a changed setting re-runs the stages that depend on it, and no others."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
# imports, messages, who made a product, where, and what it took
NO_NUMBERS = {"__init__.py", "errors.py", "provenance.py", "ranks.py", "clock.py"}
BEFORE = {  # the stages whose products a rule reads, directly or not
    "draw_catalogue": [],
    "response": [],
    "compare_engines": ["response"],
    "simulate": ["draw_catalogue"],
    "train": ["draw_catalogue", "simulate"],
    "predict_blobs": ["draw_catalogue", "simulate", "train"],
    "finetune_deep_gru": ["draw_catalogue", "simulate", "train", "predict_blobs"],
    "bundle": ["draw_catalogue", "simulate", "train", "predict_blobs"],
    "detect": ["draw_catalogue", "simulate", "train", "predict_blobs", "bundle"],
    "clean": ["draw_catalogue", "response", "simulate"],
    "map": ["draw_catalogue", "simulate", "train"],
    "find": ["draw_catalogue", "response", "simulate", "clean", "train", "map"],
    "tables": ["draw_catalogue", "simulate", "train", "predict_blobs", "bundle", "detect", "find"],
    "figures": ["draw_catalogue", "simulate", "train", "predict_blobs", "bundle", "detect", "find"],
    "times": ["draw_catalogue", "simulate", "train", "predict_blobs", "bundle", "detect", "find"],
    "curves": ["draw_catalogue", "simulate", "train", "predict_blobs"],
}
HELPERS = {"training_code(": "training_code", "prediction(": "prediction"}  # of common.smk, which make the digest


def rules() -> dict[str, str]:
    """Text of each rule that is written out, by name."""
    texts = [path.read_text() for path in sorted((ROOT / "workflow" / "rules").glob("**/*.smk"))]
    parts = re.split(r"^(?=(?:use )?rule )", "\n".join(texts), flags=re.MULTILINE)
    return {part.split(":")[0].removeprefix("rule "): part for part in parts if part.startswith("rule ")}


def digested(rule: str) -> set[Path]:
    """Package files whose digest is a param of a rule."""
    text = rules()[rule]
    for sign, name in HELPERS.items():
        if sign in text:
            text = re.split(rf"^def {name}\(", (ROOT / "workflow/rules/common.smk").read_text(), flags=re.MULTILINE)[1]
            text = text.split("\ndef ")[0]
    (call,) = re.findall(r"digest\(([^)]*)\)", text)
    parts = [*re.findall(r'"([\w/.]+)"', call), "io.py"]
    if "*matching" in call:
        (names,) = re.findall(r"for name in \(([^)]*)\)", text)
        parts += [f"evaluate/{name}.py" for name in re.findall(r'"(\w+)"', names)]
    places = [ROOT / "cubefocus" / part for part in parts]
    assert all(place.exists() for place in places)
    return {file for place in places for file in ([place] if place.suffix else place.glob("**/*.py"))}


def imported(file: Path, seen: set[Path]) -> set[Path]:
    """Files of the package that a file imports, and what these import, in functions too."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cubefocus"):
            base = ROOT.joinpath(*(node.module or "").split("."))
            places = [base, *(base / alias.name for alias in node.names)]
            for found in [place.with_suffix(".py") for place in places] + [base / "__init__.py"]:
                if found.is_file() and found not in seen:
                    seen.add(found)
                    imported(found, seen)
    return seen


def test_every_rule_with_code_of_the_package_is_known() -> None:
    assert set(rules()) == {*BEFORE, "collect", "collect_truth", "record_config", "engines"}


@pytest.mark.parametrize("rule", BEFORE)
def test_the_digest_of_a_rule_covers_all_that_its_script_imports(rule: str) -> None:
    (script,) = re.findall(r'"\.\./\.\./\.\./(scripts/\w+\.py)"', rules()[rule])
    used = {file for file in imported(ROOT / script, set()) if file.name not in NO_NUMBERS}
    covered = set().union(*(digested(name) for name in (rule, *BEFORE[rule])))
    assert used
    assert {str(file.relative_to(ROOT)) for file in used - covered} == set()


PARAMS = """
import json, sys
from snakemake.cli import main
import snakemake.jobs as jobs
seen = {}
real = jobs.Job.__init__
def noting(self, rule, *args, **kwargs):
    real(self, rule, *args, **kwargs)
    name = f"{rule.name} {self.wildcards.get('network', '')}".strip()
    seen[name] = {key: value for key, value in self.params.items()}
jobs.Job.__init__ = noting
code = 0
try:
    main(sys.argv[1:])
except SystemExit as end:
    code = end.code
print("PARAMS" + json.dumps(seen, sort_keys=True, default=str))
sys.exit(code)
"""


def params(folder: Path, overlay: str) -> dict[str, dict[str, Any]]:
    """Params of the jobs of a dry run of the default experiment with an overlay, by rule and network."""
    (folder / "overlay.yaml").write_text(overlay)
    command = [sys.executable, "-c", PARAMS, "--dry-run", "--quiet", "all", "--directory", str(folder)]
    command += ["--snakefile", str(ROOT / "Snakefile"), "--cores", "1", "--configfile", str(ROOT / "config.yaml")]
    done = subprocess.run([*command, str(folder / "overlay.yaml")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.rsplit("PARAMS", 1)[1])


PREDICTIONS = {"predict_blobs", "predict_lines", "predict_morphology"}


@pytest.mark.workflow
@pytest.mark.parametrize(
    ("overlay", "rerun"),
    [
        ("evaluation: {bootstrap: 77}", {"tables"}),
        ("evaluation: {iou: 0.7}", {"tables", "figures", "find", *PREDICTIONS}),
        ("finders: {tuning_cubes: 3}", {"find"}),
        ("finders: {methods: [blobcat, decoras]}", {"tables", "figures", "times"}),
        ("detection: {rest_frequency_ghz: 230.5}", {"bundle"}),
        (
            "detection: {spectra: {peak_height: 0.2}}",
            {"bundle", "predict_lines", "predict_morphology"},
        ),
        ("models: {blobs_finder: {latent: 64}}", {"train_blobs_finder blobs_finder"}),
        ("models: {deep_gru: {hidden: 4}}", {"train deep_gru", "finetune_deep_gru"}),
        ("training: {deep_gru: {epochs: 7}}", {"train deep_gru"}),
    ],
)
def test_a_changed_setting_reruns_what_depends_on_it(tmp_path: Path, overlay: str, rerun: set[str]) -> None:
    before, after = params(tmp_path, "{}"), params(tmp_path, overlay)
    assert before.keys() == after.keys()
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {*rerun, "record_config"}
