"""A Slurm of one node on this machine."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCAL_SLURM = ROOT / "scripts" / "local-slurm"


@pytest.fixture(scope="session")
def slurm(tmp_path_factory):
    """Start Slurm; the folder of its configuration and logs."""
    folder = tmp_path_factory.mktemp("slurm")
    subprocess.run([LOCAL_SLURM, "start", folder], check=True, timeout=120)
    yield folder
    subprocess.run([LOCAL_SLURM, "stop", folder], check=True, timeout=120)


@pytest.fixture(scope="session")
def environment():
    """Environment of a run: this checkout's package."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}
