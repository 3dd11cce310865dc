"""Small skies that the tests of this area share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from astropy.table import Table

from cubefocus.instrument.observation import Observation
from cubefocus.sky.columns import CATALOGUE, make_table
from cubefocus.sky.registry import SKY_TYPES

DEFAULTS: dict[str, Any] = {
    "cube_id": 0, "split": "test", "source_id": 0, "is_central": True, "type": "gaussian", "x": 32.0, "y": 32.0,
    "z": 16.0, "sigma_x": 4.0, "sigma_y": 2.5, "pa": 0.0, "amplitude": 2.0, "line_amplitude": 3.0, "fwhm_z": 4.0,
    "spectral_index": 0.0, "snr_target": 20.0, "noise_seed": 7,
}  # fmt: skip


@pytest.fixture
def observation() -> Observation:
    """Cubes of 32 channels and 64 x 64 pixels."""
    return Observation(n_channels=32, n_pixels=64)


@pytest.fixture
def make_rows() -> Callable[..., Table]:
    """Make the catalogue of one cube from what differs between its sources and a common Gaussian."""

    def make(*sources: dict[str, Any]) -> Table:
        listed = [{**DEFAULTS, "source_id": number, **source} for number, source in enumerate(sources)]
        own = [info for source in listed for info in SKY_TYPES[source["type"]].columns]
        return make_table(listed, dict.fromkeys((*CATALOGUE, *own)))

    return make
