"""The workflow as a module of another one, from a folder and from a repository, and what is refused there."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from runs import ENVIRONMENT, ROOT, TINY
from scenes import make_header

from cubefocus.cube.beams import with_beam
from cubefocus.cube.writing import write_cube
from cubefocus.files import read_table

pytestmark = pytest.mark.workflow

FOLDER = f'"{ROOT}/workflow/Snakefile"'
REPOSITORY = 'github("cubefocus/cubefocus", path="workflow/Snakefile", tag="v1")'
OUTER = """
configfile: "mine.yaml"

module inner:
    snakefile: {snakefile}
    config: config["inner"]
{more}
use rule * from inner{names}
"""


@pytest.fixture(scope="module")
def remote(tmp_path_factory) -> dict[str, str]:
    """Environment in which the project's address leads to a repository of this tree, with the tag v1."""
    folder = tmp_path_factory.mktemp("remote")
    repository = folder / "cubefocus" / "cubefocus"
    hidden = shutil.ignore_patterns("__pycache__")
    for name in ("workflow", "scripts", "envs"):
        shutil.copytree(ROOT / name, repository / name, ignore=hidden)
    (repository / "cubefocus").mkdir()
    shutil.copy(ROOT / "cubefocus" / "__init__.py", repository / "cubefocus")
    git = ["git", "-C", str(repository), "-c", "user.name=test", "-c", "user.email=test@localhost"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "all"], ["tag", "v1"]):
        subprocess.run([*git, *command], check=True, timeout=60)
    (folder / "gitconfig").write_text(f'[url "file://{folder}/"]\n    insteadOf = https://github.com/\n')
    return {**ENVIRONMENT, "GIT_CONFIG_GLOBAL": str(folder / "gitconfig"), "XDG_CACHE_HOME": str(folder / "cache")}


@pytest.fixture
def outer(tmp_path, remote):
    """Function that runs another workflow of which this one is a module; its output in one text."""

    def run(config, *arguments, snakefile=FOLDER, more="", names="", environment=None):
        (tmp_path / "Snakefile").write_text(OUTER.format(snakefile=snakefile, more=more, names=names))
        (tmp_path / "mine.yaml").write_text(yaml.safe_dump({"mine": 1, "inner": config}))
        command = [sys.executable, "-m", "snakemake", "--cores", "1", *arguments]
        return subprocess.run(
            command, cwd=tmp_path, env=environment or remote, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, check=False, timeout=600,
        )  # fmt: skip

    return run


def planned(output: str) -> dict[str, int]:
    return {name: int(count) for name, count in re.findall(r"^(\w+)\s+(\d+)$", output, re.MULTILINE)}


@pytest.fixture(scope="module")
def tiny() -> dict:
    return yaml.safe_load(TINY.read_text())


@pytest.mark.parametrize("snakefile", [FOLDER, REPOSITORY], ids=["folder", "repository"])
def test_a_module_plans_what_the_workflow_plans(outer, snakemake, tiny, tmp_path, snakefile):
    (tmp_path / "here").mkdir()
    own = planned(snakemake(tmp_path / "here", "--dry-run", "--quiet", "rules").stdout)
    done = outer(tiny, "--dry-run", "--quiet", "rules", snakefile=snakefile)
    assert done.returncode == 0, done.stdout
    assert own
    assert planned(done.stdout) == own
    renamed = outer(tiny, "--dry-run", "--quiet", "rules", snakefile=snakefile, names=" as inner_*")
    assert planned(renamed.stdout) == {name if name == "total" else f"inner_{name}": n for name, n in own.items()}


@pytest.mark.parametrize("snakefile", [FOLDER, REPOSITORY], ids=["folder", "repository"])
def test_cubes_are_searched_by_a_module(outer, tmp_path, snakefile):
    """To the end, with the report: its captions are files of the workflow, too."""
    shape = (16, 48, 48)
    z, y, x = np.ogrid[: shape[0], : shape[1], : shape[2]]
    source = np.exp(-0.5 * ((x - 20.0) ** 2 + (y - 30.0) ** 2) / 2.1**2 - 0.5 * ((z - 8.0) / 1.5) ** 2)
    header = make_header(shape)
    header["BUNIT"] = "Jy/beam"
    data = 0.001 * np.random.default_rng(1).standard_normal(shape) + 0.02 * source
    write_cube(tmp_path / "one.fits", data, with_beam(header, [(0.5, 0.5, 0.0)], "ALMA"), {})
    config = {"study": "detect", "experiment": "survey", "cubes": ["one.fits"]}
    done = outer(config, snakefile=snakefile)
    assert done.returncode == 0, done.stdout
    (found,) = read_table(tmp_path / "results/survey/catalogue.ecsv")
    assert (found["x"], found["y"], found["z"]) == pytest.approx((20.0, 30.0, 8.0), abs=0.3)
    report = outer(config, "--report", "report.html", snakefile=snakefile)
    assert report.returncode == 0, report.stdout
    assert "catalogue.ecsv" in (tmp_path / "report.html").read_text()
    again = outer(config, "--dry-run", "--rerun-triggers", "params", "input", "mtime", snakefile=snakefile)
    assert "Nothing to be done" in again.stdout


@pytest.mark.parametrize("snakefile", [FOLDER, REPOSITORY], ids=["folder", "repository"])
@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"obsevation": {"n_pixels": 64}}, r"config: unknown key.*obsevation.*observation"),
        ({"study": "meerkat"}, r"config: study is 'meerkat': give one of"),
        ({"cubes": {"test": 0}}, r"config: cubes\.test is 0"),
    ],
)
def test_a_bad_config_of_a_module_is_one_clear_line(outer, snakefile, config, message):
    done = outer(config, "--dry-run", snakefile=snakefile)
    assert done.returncode != 0
    assert len(re.findall(message, done.stdout)) == 1, done.stdout
    assert "Traceback" not in done.stdout


def test_a_prefix_is_refused(outer, tiny):
    done = outer(tiny, "--dry-run", more='    prefix: "elsewhere"\n')
    assert done.returncode != 0
    assert "prefix" in done.stdout
    assert "experiment" in done.stdout
    assert "Traceback" not in done.stdout


def test_a_module_without_a_config_is_refused(outer, tmp_path):
    """It would be the demo: minutes of simulations that nobody asked for."""
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "Snakefile").write_text(f"module inner:\n    snakefile: {FOLDER}\n\nuse rule * from inner\n")
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--cores", "1"]
    done = subprocess.run(
        command, cwd=tmp_path / "none", env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=100
    )
    assert done.returncode != 0
    assert "config.yaml but it is not present" in done.stdout + done.stderr


def test_a_package_of_another_version_is_refused(outer, remote, tiny, tmp_path):
    package = tmp_path / "older" / "cubefocus"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text('__version__ = "0.0.1"\n')
    done = outer(tiny, "--dry-run", snakefile=REPOSITORY, environment=remote | {"PYTHONPATH": str(package.parent)})
    assert done.returncode != 0
    assert re.search(rf"cubefocus 0\.0\.1 is installed in {package}, and the workflow is of another", done.stdout)
    assert "Traceback" not in done.stdout


@pytest.mark.parametrize(
    "snakefile", ['"nowhere/workflow/Snakefile"', 'github("cubefocus/cubefocus", path="Snakefil", tag="v1")']
)
def test_a_wrong_path_is_named(outer, tiny, snakefile):
    done = outer(tiny, "--dry-run", snakefile=snakefile)
    assert done.returncode != 0
    assert re.search(r"nowhere/workflow/Snakefile|Snakefil\b", done.stdout)


def test_what_is_deployed_as_config_is_the_default_experiment(tmp_path):
    """Tools copy the folder: the file in it is a link, and no second copy that could differ."""
    copied = Path(shutil.copytree(ROOT / "config", tmp_path / "config"))
    assert (copied / "config.yaml").read_bytes() == (ROOT / "config.yaml").read_bytes()
    assert not os.path.islink(copied / "config.yaml")
