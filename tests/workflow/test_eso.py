"""The study of Bayesian imaging by the workflow: what is planned."""

from __future__ import annotations

import re

import pytest
import yaml
from runs import ROOT

pytestmark = pytest.mark.workflow
EXPERIMENTS = [ROOT / "experiments" / f"{name}.yaml" for name in ("eso", "eso-signed", "eso-tiny", "sz114")]
TINY = ROOT / "experiments" / "eso-tiny.yaml"
OF_A_SKY = ("components", "observe_components", "visibilities", "resolve_sky", "posterior_products")


def jobs(output: str) -> dict[str, int]:
    return {name: int(count) for name, count in re.findall(r"^(\w+)\s+(\d+)$", output, re.MULTILINE)}


def parts(output: str, rule: str) -> dict[str, str]:
    """What a dry run says of the jobs of a rule, by sky."""
    texts = re.findall(rf"^rule {rule}:\n(?:    .*\n)+", output, re.MULTILINE)
    return {found[1]: text for text in texts if (found := re.search(r"wildcards: .*sky=(\w+)", text))}


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_each_sky_is_made_observed_cleaned_and_inferred(snakemake, tmp_path, path):
    done = snakemake(tmp_path, "--dry-run", overlays=(path,))
    assert done.returncode == 0, done.stdout
    skies = 1 + yaml.safe_load(path.read_text()).get("coverage", {}).get("skies", 0)
    planned = jobs(done.stdout)
    assert {name: planned[name] for name in OF_A_SKY} == dict.fromkeys(OF_A_SKY, skies)
    assert (planned["clean_visibilities"], planned["record_config"]) == (2 * skies, 1)


def test_a_measurement_set_of_a_users_own_takes_the_place_of_the_sky(snakemake, tmp_path):
    (tmp_path / "own.ms").mkdir()
    (tmp_path / "own.yaml").write_text("data: {ms: own.ms, windows: [2, 3], field_id: 4}\n")
    done = snakemake(tmp_path, "--dry-run", overlays=(TINY, tmp_path / "own.yaml"))
    assert done.returncode == 0, done.stdout
    planned = jobs(done.stdout)
    assert (planned["components"], planned["observe_components"], planned["visibilities"]) == (2, 2, 3)
    read = parts(done.stdout, "visibilities")
    assert "input: own.ms\n" in read["main"]
    assert "input: results/eso-tiny/ms/001.ms\n" in read["001"]


def test_a_measurement_set_that_is_not_there_is_told_before_anything_runs(snakemake, tmp_path):
    (tmp_path / "own.yaml").write_text("data: {ms: absent.ms}\n")
    done = snakemake(tmp_path, "--dry-run", overlays=(TINY, tmp_path / "own.yaml"))
    assert done.returncode != 0
    assert "Missing input files" in done.stdout
    assert "absent.ms" in done.stdout
    assert "Traceback" not in done.stdout


def test_the_state_of_an_inference_outlives_a_job_that_is_cut_off(snakemake, tmp_path):
    """Snakemake removes the outputs of such a job, and all that stands in a folder that is one."""
    text = parts(snakemake(tmp_path, "--dry-run", overlays=(TINY,)).stdout, "resolve_sky")["main"]
    (outputs,) = re.findall(r"output: (.*)", text)
    folder = "results/eso-tiny/inferred/main"
    times = "results/eso-tiny/times/resolve/main.ecsv"
    assert outputs.split(", ") == [f"{folder}/posterior.h5", f"{folder}/rounds", times]


def test_one_sky_of_the_coverage_can_be_made_alone(snakemake, tmp_path):
    target = "results/eso-tiny/visibilities/002.h5"
    planned = jobs(snakemake(tmp_path, "--dry-run", target, overlays=(TINY,)).stdout)
    assert planned == {"components": 1, "observe_components": 1, "visibilities": 1, "total": 3}
