"""Run Snakemake on this repository in a folder of the test's own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TINY = ROOT / "tests" / "config" / "tiny.yaml"


def command(folder: Path, *arguments: str, overlays: tuple[Path, ...] = (TINY,)) -> list[str]:
    """Command line of a Snakemake run whose results go to ``folder``; targets and options before the overlays."""
    run = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", str(folder)]
    run += ["--profile", str(ROOT / "profiles" / "local"), "--cores", "1", *arguments]
    return [*run, "--configfile", str(ROOT / "config.yaml"), *map(str, overlays)]


@pytest.fixture
def snakemake():
    """Function that runs Snakemake and returns the finished process, its output in one text."""

    def run(folder: Path, *arguments: str, overlays: tuple[Path, ...] = (TINY,)) -> subprocess.CompletedProcess:
        return subprocess.run(
            command(folder, *arguments, overlays=overlays),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        )

    return run
