"""The noise that the fit takes from a response is that which the engine fft draws with it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from cubefocus.engines.fft import FourierOperator
from cubefocus.engines.measure import get_response
from cubefocus.fit.beam import Beam
from cubefocus.fit.noise import known_noise
from cubefocus.instrument.response import Response


@dataclass(frozen=True)
class Part(Response):
    """A response whose visibilities have noise in some columns of the plane of spatial frequencies only."""

    first: int = 0
    end: int | None = None

    def noise_power(self) -> np.ndarray:
        power = super().noise_power()
        kept = np.zeros_like(power)
        kept[..., self.first : self.end] = power[..., self.first : self.end]
        return kept


def variance(response: Response) -> float:
    """Of the noise in a pixel, measured in many draws."""
    nothing = torch.zeros(16, *response.shape)
    return float(FourierOperator(response).observe(nothing, list(range(1, 17)), blank=False).square().mean())


def power(response: Response) -> float:
    """What the fit thinks that the same is, up to a factor."""
    noise = Beam.of_response(response).noise
    return float(noise[:, 0].sum() + 2.0 * noise[:, 1:].sum())


def test_share_of_each_column_of_spatial_frequencies(instrument, setup, tmp_path):
    response = get_response(setup, tmp_path / "cache")
    whole = vars(response)
    parts = [Part(**whole, first=first, end=end) for first, end in ((0, 1), (1, 4), (4, None))]
    all_of_it = variance(response), power(response)
    for part in parts:
        assert variance(part) / all_of_it[0] == pytest.approx(power(part) / all_of_it[1], rel=0.08)


def test_thermal_noise_alone_has_power_at_every_frequency_that_is_kept(uv_beam):
    alone, both = (known_noise(uv_beam, 4, white, 0.1) for white in (0.0, 0.1))
    inside = uv_beam.grid.inside
    assert alone.power[inside].min() > 0.0
    assert (alone.white, alone.thermal) == (0.0, 0.1)
    assert both.power[inside] - 0.1**2 == pytest.approx(
        alone.power[inside] - alone.power[inside].min(), rel=0.05, abs=1e-4
    )
