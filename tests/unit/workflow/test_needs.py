"""Memory and time that jobs ask for, against the arithmetic of what they hold."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from configs import SCHEMAS

from cubefocus.workflow.configuration import validate_config
from cubefocus.workflow.needs import LONGEST, Needs

ROOT = Path(__file__).parents[3]
PAPER = yaml.safe_load((ROOT / "experiments" / "paper.yaml").read_text())
GB = 1000.0  # MB
PLANE_MB = 360 * 360 * 4 / 1e6


def config(**cubes: int) -> dict[str, Any]:
    """The paper's experiment with other numbers of cubes."""
    merged: dict[str, Any] = copy.deepcopy(PAPER)
    merged["cubes"] |= cubes
    validate_config(merged, SCHEMAS)
    return merged


def test_a_training_on_images_asks_for_all_of_them_twice() -> None:
    """100 000 full-size cubes, of which 90 000 are learnt from: 93 GB of dirty and sky images, twice when joined."""
    held = 90_000 * 2 * PLANE_MB
    asked = Needs(config(train=80_000, validation=10_000, test=10_000)).training_mb("images")
    assert held == pytest.approx(93.3 * GB, rel=1e-3)
    assert 2 * held < asked < 2 * held + 10 * GB


def test_a_training_on_cutouts_or_spectra_follows_the_number_of_sources() -> None:
    needs, sources = Needs(config(train=80_000, validation=10_000)), 90_000 * 6  # five and the one in the centre
    for kind, one in (("cutouts", 64 * 64 * 4), ("spectra", 128 * 2 * 4)):
        assert 2 * sources * one / 1e6 < needs.training_mb(kind) < 2 * sources * one / 1e6 + 10 * GB
    assert Needs(config()).training_mb("cutouts") < 10 * GB


def test_full_size_cubes_get_what_was_measured() -> None:
    """Largest memory of jobs with full-size cubes: docs/results/mini."""
    needs = Needs(config())
    assert 2.0 * GB < needs.simulation_mb() < 3 * GB
    assert 2.4 * GB < needs.response_mb() < 4 * GB
    assert 3.3 * GB < needs.cleaning_mb() < 4.5 * GB
    assert 2.0 * GB < needs.chain_mb() < 8 * GB
    assert 1.1 * GB < needs.finder_mb("cube", 100) < 5 * GB


@pytest.mark.parametrize("job", ["simulation_mb", "response_mb", "cleaning_mb", "chain_mb", "map_mb"])
def test_memory_follows_the_size_of_the_cubes(job: str) -> None:
    """Four times the pixels, and twice the channels: all that grows in a job grows with its cubes or their images."""
    small, large = config(), config()
    large["observation"] |= {"n_pixels": 720, "n_channels": 256}
    apart = getattr(Needs(large), job)() - getattr(Needs(small), job)()
    cubes = {"map_mb": 6 * 3 * 100 * PLANE_MB}.get(job, 7 * 128 * PLANE_MB)  # at least one more cube of eight times
    assert apart > cubes


def test_memory_follows_the_size_of_a_batch() -> None:
    """Of 3000 cubes, the products that are joined at the end are more than one cube in CASA."""
    few, many = (Needs(config(batch_size=size)) for size in (100, 3000))
    products = 3000 * (2 * PLANE_MB + 6 * (2 * 128 * 4 + 2 * 64 * 64 * 4) / 1e6)
    assert many.simulation_mb() > 2 * products > few.simulation_mb()
    assert many.finder_mb("image", 3000) > 2 * 3000 * PLANE_MB
    assert many.finder_mb("map", 3000) > 4 * 3000 * PLANE_MB
    assert many.finder_mb("cube", 3000) == few.finder_mb("cube", 100), "cubes are read one by one"


def test_time_follows_the_work() -> None:
    needs, half = Needs(config()), config()
    half["observation"]["total_time_s"] /= 2
    half["observation"]["n_pixels"] = 240
    assert needs.simulation_minutes("casa", 1) > 100 * 2  # minutes a cube, measured: 106 s
    assert needs.simulation_minutes("casa", 10) < needs.simulation_minutes("casa", 1)
    assert Needs(half).simulation_minutes("casa", 1) < needs.simulation_minutes("casa", 1)
    assert needs.simulation_minutes("fft", 1) < needs.simulation_minutes("casa", 1) / 3
    assert needs.training_minutes("images", 10) < needs.training_minutes("images", 300) <= LONGEST
    assert Needs(config(train=80_000)).training_minutes("images", 300) == LONGEST
