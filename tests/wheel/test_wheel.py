"""The wheel as a user has it: all files in it, and the commands run with nothing but what it says it needs.

The environment is made of the wheel and of links to the distributions that its metadata names, and those that these
name: what else is installed on the machine, such as CASA and Snakemake, cannot be imported there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib.metadata import PathDistribution, distribution
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table
from bundles import SETTINGS, write_checkpoints
from packaging.requirements import Requirement
from scenes import make_header

from cubefocus.cube.beams import with_beam
from cubefocus.cube.writing import write_cube
from cubefocus.learn.bundle import Bundle

ROOT = Path(__file__).parents[2]
SOURCES = ("cubefocus", "pyproject.toml", "README.md", "LICENSE")
NEVER = ("casatools", "casatasks", "casadata", "snakemake", "hypothesis", "pytest")

pytestmark = pytest.mark.slow


def run(*command: str | Path, **options) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([str(one) for one in command], capture_output=True, text=True, timeout=600, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built from a copy of the sources, so that no earlier build is beside them, with one bundle more."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        else:
            shutil.copy(ROOT / name, source / name)
    bundle = Bundle.from_checkpoints(write_checkpoints(folder / "checkpoints"), SETTINGS, provenance={"seed": 1})
    bundle.save(source / "cubefocus" / "models" / "tiny")
    (source / "cubefocus" / "models" / "tiny" / "card.md").write_text("# tiny\n\nFor tests.\n")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    run(*pip, "--wheel-dir", folder, source)
    (made,) = folder.glob("*.whl")
    return made


def needed(requirements: list[str], extras: frozenset[str] = frozenset(), seen: set | None = None) -> Iterator[str]:
    """Names of distributions that some need, and that these need."""
    seen = set() if seen is None else seen
    for one in map(Requirement, requirements):
        wanted = one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in (*extras, ""))
        if wanted and (one.name, frozenset(one.extras)) not in seen:
            seen.add((one.name, frozenset(one.extras)))
            yield one.name
            yield from needed(distribution(one.name).requires or [], frozenset(one.extras), seen)


def link(name: str, packages: Path) -> None:
    """Put what a distribution installed into another environment."""
    found = distribution(name)
    for top in {file.parts[0] for file in found.files or () if file.parts[0] not in ("..", "__pycache__")}:
        if not (packages / top).exists():
            (packages / top).symlink_to(Path(str(found.locate_file(top))))


@pytest.fixture(scope="module")
def bare(wheel, tmp_path_factory) -> Path:
    """Folder of the commands of an environment with the wheel and what it needs."""
    folder = tmp_path_factory.mktemp("bare") / "env"
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    python = folder / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index", wheel)
    packages = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").stdout.strip())
    (info,) = packages.glob("cubefocus-*.dist-info")
    for name in needed(PathDistribution(info).requires or []):
        link(name, packages)
    return folder / "bin"


@pytest.fixture(scope="module")
def clean() -> dict[str, str]:
    """What a user's shell has, without what leads to this repository."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    return kept | {"PYTHONNOUSERSITE": "1", "OMP_NUM_THREADS": "1"}


def test_the_wheel_holds_every_file_of_the_package(wheel):
    """Pages, types, weights and cards too: what a pattern of the package data forgets is missing here."""
    held = set(zipfile.ZipFile(wheel).namelist())
    files = {path.relative_to(ROOT).as_posix() for path in (ROOT / "cubefocus").rglob("*") if path.is_file()}
    files = {name for name in files if "__pycache__" not in name}
    assert {"cubefocus/py.typed", "cubefocus/search/page.html", "cubefocus/__init__.pyi"} <= files
    assert files <= held
    assert all(name.startswith("cubefocus") for name in held)
    assert wheel.stat().st_size < 10_000_000


def test_neither_casa_nor_snakemake_is_there(bare, clean, tmp_path):
    code = "import importlib.util as u, sys; print([n for n in sys.argv[1:] if u.find_spec(n)])"
    assert run(bare / "python", "-c", code, *NEVER, env=clean, cwd=tmp_path).stdout.strip() == "[]"
    place = run(bare / "python", "-c", "import cubefocus; print(cubefocus.__file__)", env=clean, cwd=tmp_path).stdout
    assert place.startswith(str(bare.parent))


def test_a_cube_is_searched_and_its_catalogue_scored(bare, clean, tmp_path):
    shape = (16, 64, 64)
    z, y, x = np.ogrid[: shape[0], : shape[1], : shape[2]]
    source = np.exp(-0.5 * ((x - 30.0) ** 2 + (y - 40.0) ** 2) / 2.1**2 - 0.5 * ((z - 8.0) / 1.5) ** 2)
    data = 0.001 * np.random.default_rng(1).standard_normal(shape) + 0.02 * source
    header = make_header(shape)
    header["BUNIT"] = "Jy/beam"
    write_cube(tmp_path / "cube.fits", data, with_beam(header, [(0.5, 0.5, 0.0)], "ALMA"), {})
    run(bare / "cubefocus", "detect", "cube.fits", "-o", "out", env=clean, cwd=tmp_path)
    found = Table.read(tmp_path / "out" / "catalogue.ecsv")
    assert (found["x"][0], found["y"][0], found["z"][0]) == pytest.approx((30.0, 40.0, 8.0), abs=0.3)
    assert "<svg" in (tmp_path / "out" / "cube.report.html").read_text()
    truth = Table({"cube_id": [0], "x": [30.0], "y": [40.0], "z": [8.0], "fwhm_z": [3.5]})
    truth.write(tmp_path / "truth.csv")
    scored = run(bare / "cubefocus", "evaluate", "out/catalogue.ecsv", "truth.csv", env=clean, cwd=tmp_path).stdout
    (row,) = (line.split() for line in scored.splitlines() if line.startswith("catalogue  "))
    assert row[1:4] == ["1", "0", "0"]  # found, made up, missed


def test_a_bundle_comes_with_the_wheel(bare, clean, tmp_path):
    """Its manifest, its weights and its card: listed, whole, and searched with by its name."""
    listed = run(bare / "cubefocus", "models", "list", env=clean, cwd=tmp_path).stdout
    assert any(line.startswith("tiny ") and line.endswith("For tests.") for line in listed.splitlines())
    assert (
        "tiny: whole, 6 networks" in run(bare / "cubefocus", "models", "check", "tiny", env=clean, cwd=tmp_path).stdout
    )
    header = make_header((16, 40, 40))
    header["BUNIT"] = "Jy/beam"
    write_cube(tmp_path / "cube.fits", np.random.default_rng(1).standard_normal((16, 40, 40)), header, {})
    run(bare / "cubefocus", "detect", "cube.fits", "--models", "tiny", "-o", "out", env=clean, cwd=tmp_path)
    assert (tmp_path / "out" / "catalogue.xml").is_file()


def test_a_command_that_needs_casa_says_what_to_install(bare, clean, tmp_path):
    """One line, and no traceback."""
    header = make_header((4, 32, 32))
    header["BUNIT"] = "Jy/pixel"
    write_cube(tmp_path / "sky.fits", np.ones((4, 32, 32)), header, {})
    command = [str(bare / "cubefocus"), "simulate", "sky.fits", "-o", "dirty.fits"]
    done = subprocess.run(command, env=clean, cwd=tmp_path, capture_output=True, text=True, timeout=600)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "pip install 'cubefocus[casa]'" in done.stderr
