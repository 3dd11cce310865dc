"""Lock file, environment of conda and profiles agree with the package and with each other."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from importlib import metadata

import pytest
import yaml
from configs import (
    ROOT,
    load,
)
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet


def pins(text: str) -> dict[str, str]:
    found = re.findall(r"^[ -]*([A-Za-z0-9_.-]+)==(\S+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in found}


def test_lock_file_covers_the_dependencies_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    wanted = {*project["dependencies"], *(name for extra in extras for name in extra)}
    wanted = {Requirement(one).name for one in wanted}
    locked = pins((ROOT / "envs" / "requirements.lock").read_text())
    assert {name.lower().replace("_", "-") for name in wanted} <= set(locked)
    assert "+" not in "".join(locked.values()), "a local version is on no package index"


def test_conda_environment_has_the_versions_of_the_lock_file() -> None:
    conda = (ROOT / "envs" / "cubefocus.yaml").read_text()
    assert pins(conda) == pins((ROOT / "envs" / "requirements.lock").read_text())
    assert yaml.safe_load(conda)["name"] == "cubefocus"


def test_what_the_definition_of_apptainer_copies_is_enough_for_the_environment_and_a_dry_run(tmp_path) -> None:
    """Each line of it has one file or folder and where it goes."""
    definition = (ROOT / "envs" / "cubefocus.def").read_text()
    section = definition.split("%files\n")[1].split("\n%")[0]
    copied = [line.split() for line in section.splitlines() if line.strip()]
    assert {len(line) for line in copied} == {2}
    for source, onto in copied:
        place = tmp_path / onto.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
        copy(ROOT / source, place)
    inside = tmp_path / "opt" / "cubefocus"
    assert set(re.findall(r"^ *cd (\S+)$", definition, flags=re.MULTILINE)) == {"/opt/cubefocus"}
    run = {"capture_output": True, "text": True, "check": False}
    made = subprocess.run(["make", "--dry-run", "env"], cwd=inside, **run)
    assert made.returncode == 0, made.stderr
    command = [sys.executable, "-m", "snakemake", "--snakefile", inside / "Snakefile", "--configfile",
               inside / "config.yaml", "--cores", "1", "--dry-run", "--quiet", "rules"]  # fmt: skip
    (tmp_path / "work").mkdir()
    planned = subprocess.run(command, cwd=tmp_path / "work", **run)
    assert planned.returncode == 0, planned.stderr


@pytest.mark.parametrize("name", ["local", "slurm"])
def test_profile_ignores_code_as_a_trigger_and_goes_on_after_a_failure(name: str) -> None:
    profile = load(f"profiles/{name}/config.yaml")
    assert profile["rerun-triggers"] == ["params", "input", "mtime"]
    assert profile["keep-going"] is True
    assert profile["rerun-incomplete"] is True
    assert "cpus_per_task" not in profile.get("default-resources", {})


def test_everything_locked_installs_with_the_oldest_python_that_is_promised() -> None:
    """Debian 12 has 3.11.2: a package that needs a later one ends the installation there, and nowhere else."""
    promised = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    oldest = f"{promised.removeprefix('>=')}.0"
    wanted = {one.metadata["Name"]: one.metadata.get("Requires-Python") or "" for one in metadata.distributions()}
    assert {name: needs for name, needs in wanted.items() if oldest not in SpecifierSet(needs)} == {}
