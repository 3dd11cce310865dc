"""The workflow parses for every experiment, plans the right jobs, and refuses a config that cannot be run."""

import re
import subprocess
import sys

import pytest
from conftest import ROOT, command

pytestmark = pytest.mark.workflow

EXPERIMENTS = {
    "demo": (),
    "tiny": (ROOT / "tests/config/tiny.yaml",),
    "paper": (ROOT / "experiments/paper.yaml",),
    "mini": (ROOT / "experiments/paper.yaml", ROOT / "experiments/mini.yaml"),
    "faint": (ROOT / "experiments/paper.yaml", ROOT / "experiments/faint.yaml"),
}


def jobs(output: str) -> dict[str, int]:
    return {name: int(count) for name, count in re.findall(r"^(\w+)\s+(\d+)$", output, re.MULTILINE)}


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_is_planned(snakemake, tmp_path, name):
    done = snakemake(tmp_path, "--dry-run", overlays=EXPERIMENTS[name])
    assert done.returncode == 0, done.stdout
    planned = jobs(done.stdout)
    assert planned["train"] + planned["train_blobs_finder"] == 6
    assert planned["finetune_deep_gru"] + planned["finetune_morphology"] + planned["finetune_flux"] == 5
    assert planned["simulate"] == planned["predict_blobs"] + planned["detect"]


def test_the_paper_needs_as_many_jobs_as_it_has_batches(snakemake, tmp_path):
    planned = jobs(snakemake(tmp_path, "--dry-run", overlays=EXPERIMENTS["paper"]).stdout)
    assert (planned["simulate"], planned["detect"]) == (50, 10)


def test_parsing_needs_neither_casa_nor_torch(tmp_path):
    code = (
        "import sys, runpy\n"
        "class Refuse:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in {'torch', 'casatasks', 'casatools', 'cubefocus', 'astropy', 'h5py'}:\n"
        "            raise ImportError('the workflow must parse without ' + name)\n"
        "sys.meta_path.insert(0, Refuse())\n"
        "runpy.run_module('snakemake', run_name='__main__')\n"
    )
    arguments = command(tmp_path, "--dry-run", overlays=EXPERIMENTS["paper"])[3:]
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("obsevation: {n_pixels: 64}", r"unknown key.*obsevation.*observation"),
        ("cubes: {test: 0}", r"cubes\.test is 0"),
        ("cubes: {train: many}", r"cubes\.train is 'many'"),
        ("models: {image_size: 50}", r"image_size is 50"),
    ],
)
def test_a_bad_config_is_one_clear_line(snakemake, tmp_path, text, message):
    (tmp_path / "bad.yaml").write_text(text)
    done = snakemake(tmp_path, "--dry-run", overlays=(tmp_path / "bad.yaml",))
    assert done.returncode != 0
    assert re.search(message, done.stdout), done.stdout
    assert "Traceback" not in done.stdout
    assert len([line for line in done.stdout.splitlines() if "config:" in line]) == 1


def test_lint_is_clean(snakemake, tmp_path):
    done = snakemake(tmp_path, "--lint")
    assert done.returncode == 0, done.stdout
    assert "good condition" in done.stdout
