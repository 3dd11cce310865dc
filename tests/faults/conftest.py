"""An undisturbed run, and copies of it that lack what a fault is going to hit."""

import shutil
from pathlib import Path

import pytest
from runs import FAULTS, MEASURED, finish, here, slurm

__all__ = ["slurm"]

TABLES = ("tables/*.csv", "tables/*.md", "*.ecsv")


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """Folder of a run that nothing happens to."""
    folder = tmp_path_factory.mktemp("undisturbed")
    done = finish(here(folder, overlays=FAULTS))
    assert done.returncode == 0, done.stdout[-5000:]
    return folder


@pytest.fixture
def lacking(undisturbed, tmp_path):
    """Function that copies the undisturbed run without some of its products."""

    def copy(*patterns: str) -> Path:
        shutil.copytree(undisturbed, tmp_path / "run", symlinks=True)
        for pattern in patterns:
            paths = [*(tmp_path / "run/results/tiny").glob(pattern)]
            assert paths, f"there is no {pattern}"
            for path in paths:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        return tmp_path / "run"

    return copy


@pytest.fixture
def ends_like_the_undisturbed(undisturbed):
    """Function that finishes a run on this machine and compares its tables with those of the undisturbed one."""

    def check(folder: Path, finished: bool = False) -> str:
        there = tables(folder).keys() & {"tables/detection.csv", "catalogue.ecsv"}
        assert finished or not there, "they must be made after the fault"
        done = finish(here(folder, overlays=FAULTS))
        assert done.returncode == 0, done.stdout[-5000:]
        expected = tables(undisturbed)
        assert len(expected) >= 8
        assert tables(folder) == expected
        assert not [*folder.glob("results/tiny/**/*.partial"), *folder.glob("results/tiny/**/*.resume")]
        return done.stdout

    return check


def tables(folder: Path) -> dict[str, bytes]:
    """Bytes of the tables of a run that are the same in every run of the same seeds."""
    results = folder / "results" / "tiny"
    paths = [path for pattern in TABLES for path in results.glob(pattern) if path.stem != MEASURED]
    return {str(path.relative_to(results)): path.read_bytes() for path in paths}
