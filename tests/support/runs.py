"""Runs of the small experiment, on this machine or on its Slurm, and what Slurm says of them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
TINY = ROOT / "tests" / "config" / "tiny.yaml"
FAULTS = (TINY, ROOT / "tests" / "config" / "faults.yaml")
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}  # this checkout's package
LOCAL_SLURM = ROOT / "scripts" / "local-slurm"
MEASURED = "times"  # table 4: what a run took is another in every run, whatever the seeds
QUICK = {"slurm-init-seconds-before-status-checks": 2, "max-status-checks-per-second": 5, "latency-wait": 5}


@pytest.fixture(scope="session")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Start Slurm; the folder of its configuration and logs."""
    folder = tmp_path_factory.mktemp("slurm")
    subprocess.run([LOCAL_SLURM, "start", folder], check=True, timeout=120)
    yield folder
    subprocess.run([LOCAL_SLURM, "stop", folder], check=True, timeout=120)


def here(folder: Path, *arguments: str, overlays: tuple[Path, ...] = (TINY,)) -> list[str]:
    """Command line of a run on one core of this machine; targets and options stand before the config files."""
    options = ["--profile", str(ROOT / "profiles" / "local"), "--cores", "1", *arguments]
    return _command(folder, options, overlays)


def on_slurm(
    folder: Path,
    *arguments: str,
    overlays: tuple[Path, ...] = (TINY,),
    resources: dict[str, dict[str, Any]] | None = None,
    **changes: Any,
) -> list[str]:
    """Command line of a run with the Slurm profile, which looks at jobs more often than the profile does.

    ``resources`` of rules and other ``changes`` go into a copy of the profile: on the command line, ``--set-resources``
    would replace those of the profile altogether.
    """
    profile = yaml.safe_load((ROOT / "profiles" / "slurm" / "config.yaml").read_text()) | QUICK | changes
    for rule, values in (resources or {}).items():
        profile["set-resources"][rule] = profile["set-resources"].get(rule, {}) | values
    (folder / "profile").mkdir(exist_ok=True)
    (folder / "profile" / "config.yaml").write_text(yaml.safe_dump(profile))
    return _command(folder, ["--profile", str(folder / "profile"), *arguments], overlays)


def _command(folder: Path, options: list[str], overlays: tuple[Path, ...]) -> list[str]:
    run = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", str(folder)]
    studies = {(yaml.safe_load(path.read_text()) or {}).get("study", "alma") for path in overlays}
    base = [str(ROOT / "config.yaml")] if studies <= {"alma"} else []  # the workflow looks for it in its folder
    return [*run, *options, "--configfile", *base, *map(str, overlays)]


def finish(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, its output in one text."""
    return subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, env=ENVIRONMENT
    )


def begin(command: list[str], output: Path) -> subprocess.Popen[bytes]:
    """Start a command as the head of a process group, its output in a file."""
    with open(output, "wb") as stream:
        return subprocess.Popen(command, stdout=stream, stderr=stream, env=ENVIRONMENT, start_new_session=True)


def records() -> list[dict[str, str]]:
    """What Slurm itself says of every job, in the order of submission."""
    shown = subprocess.run(["scontrol", "show", "jobs", "-o"], capture_output=True, text=True, check=True)
    lines = [line for line in shown.stdout.splitlines() if line.startswith("JobId=")]
    jobs = [dict(part.partition("=")[::2] for part in line.split()) for line in lines]
    return sorted(jobs, key=lambda job: int(job["JobId"]))


def wait_until(seen: Callable[[], object], seconds: float = 180.0) -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + seconds
    while not seen():
        assert time.monotonic() < deadline, f"not in {seconds:.0f} seconds"
        time.sleep(0.05)
