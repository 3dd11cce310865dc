"""Run Snakemake on this repository in a folder of the test's own."""

import subprocess
from pathlib import Path

import pytest
from runs import TINY, finish, here


@pytest.fixture
def snakemake():
    """Function that runs Snakemake and returns the finished process, its output in one text."""

    def run(folder: Path, *arguments: str, overlays: tuple[Path, ...] = (TINY,)) -> subprocess.CompletedProcess[str]:
        return finish(here(folder, *arguments, overlays=overlays))

    return run
