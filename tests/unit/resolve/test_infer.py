"""The sky inferred from visibilities that are the Fourier sum of a known one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from uv_sky import gaussian, observed

from cubefocus.errors import CubefocusError
from cubefocus.resolve.parameters import pushed
from cubefocus.resolve.posterior import Posterior
from cubefocus.resolve.state import State, times_in
from cubefocus.resolve.visibilities import Visibilities
from cubefocus.settings import InferenceSettings, PriorSettings

pytest.importorskip("nifty.re", reason="needs cubefocus[resolve]")
infer = pytest.importorskip("cubefocus.resolve.infer").infer

SIZE, CELL = 32, 0.2
INFERENCE = InferenceSettings(rounds=8, samples=2, weight_bins=2)
GAUSSIAN = InferenceSettings(method="mgvi", rounds=6, samples=2, weight_bins=2)


@pytest.fixture(scope="module")
def sky() -> np.ndarray:
    return gaussian(SIZE, CELL, 20.0, 1.2, 0.6, -0.4) + gaussian(SIZE, CELL, 8.0, 1.6, -1.0, 1.2)


@pytest.fixture(scope="module")
def visibilities(sky: np.ndarray) -> Visibilities:
    """Their weights say half of the noise that they have."""
    return observed(sky, CELL, 600, 0.5, 1, stated=0.5)


@pytest.fixture(scope="module")
def inferred(visibilities: Visibilities, tmp_path_factory: pytest.TempPathFactory) -> tuple[Posterior, Path]:
    folder = tmp_path_factory.mktemp("inferred")
    found = infer(visibilities, PriorSettings(), INFERENCE, seed=3, state=folder / "state", shown=folder / "shown")
    found.save(folder / "posterior.h5")
    return found, folder


def test_flux_and_peak_are_those_of_the_sky(inferred: tuple[Posterior, Path], sky: np.ndarray) -> None:
    near = gaussian(SIZE, CELL, 1.0, 1.2, 0.6, -0.4) > 0.3
    fluxes = inferred[0].samples[:, near].sum(axis=1) * CELL**2
    true = sky[near].sum() * CELL**2
    assert fluxes.mean() == pytest.approx(true, rel=0.03)
    assert abs(fluxes.mean() - true) < 4 * fluxes.std(ddof=1)
    y, x = np.unravel_index(int(sky.argmax()), sky.shape)
    assert abs(inferred[0].mean[y, x] - sky[y, x]) < 3 * inferred[0].deviation[y, x] < 0.5 * sky[y, x]


def test_noise_is_learnt_where_the_weights_are_wrong(inferred: tuple[Posterior, Path]) -> None:
    found = inferred[0]
    assert found.noise_factors.shape == (len(found.samples), 2)
    assert found.noise_factors.mean(axis=0) == pytest.approx(2.0, rel=0.2)
    assert found.rounds["reduced_chi2"][-1] == pytest.approx(1.0, abs=0.1)


def test_killed_between_rounds_it_ends_with_the_same_bytes(
    inferred: tuple[Posterior, Path], visibilities: Visibilities, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = State.save

    def die_after_the_fourth(state: State, folder: Path, asked: str) -> None:
        saved(state, folder, asked)
        if state.round == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(State, "save", die_after_the_fourth)
    ask: Any = {"seed": 3, "state": tmp_path / "state", "shown": tmp_path / "shown"}
    with pytest.raises(KeyboardInterrupt):
        infer(visibilities, PriorSettings(), INFERENCE, **ask)
    monkeypatch.undo()
    infer(visibilities, PriorSettings(), INFERENCE, **ask).save(tmp_path / "posterior.h5")
    for name in ("posterior.h5", "shown/000.h5", "shown/005.h5"):
        assert (tmp_path / name).read_bytes() == (inferred[1] / name).read_bytes()
    assert [*times_in(tmp_path / "state")["round"]] == [*range(8)]


def test_state_of_another_inference_is_refused(inferred: tuple[Posterior, Path], visibilities: Visibilities) -> None:
    with pytest.raises(CubefocusError, match="other visibilities, settings or seed"):
        infer(visibilities, PriorSettings(), INFERENCE, seed=4, state=inferred[1] / "state")


def test_few_rounds_are_told_not_to_have_converged(visibilities: Visibilities, tmp_path: Path) -> None:
    few = InferenceSettings(rounds=1, samples=1, weights=False)
    found = infer(visibilities, PriorSettings(), few, seed=3, state=tmp_path)
    assert not found.facts["converged"]
    assert "NOT converged" in found.facts["verdict"]


def test_rounds_whose_samples_run_away_leave_no_posterior(
    visibilities: Visibilities, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cubefocus.resolve.infer.BLOWN", 1e-9)
    few = InferenceSettings(rounds=2, samples=1, weights=False)
    with pytest.raises(CubefocusError, match="none of 2 rounds could be kept"):
        infer(visibilities, PriorSettings(), few, seed=3, state=tmp_path)


def test_parameters_that_the_data_push_are_named_furthest_first() -> None:
    prior = PriorSettings(zero_mode=(1.0, 0.1), fluctuations=(5.0, 1.0), slope=(-4.0, 2.0))
    inferred = {"zero_mode": [0.2, 0.4], "fluctuations": [1.0, 1.0], "slope": [-6.0, -5.0]}
    told = pushed({name: np.array(values) for name, values in inferred.items()}, prior)
    assert list(told) == ["zero_mode", "fluctuations"]
    assert list(told.values()) == pytest.approx([-7.0, -4.0])


def test_signed_sky_has_its_decrement(tmp_path: Path) -> None:
    sky = gaussian(SIZE, CELL, -5.0, 1.6, 0.4, 0.2) + gaussian(SIZE, CELL, 4.0, 1.2, -1.4, -1.0)
    seen = observed(sky, CELL, 600, 0.1, 2)
    prior = PriorSettings(signed=True, offset=26.0, fluctuations=(1.0, 0.5), slope=(-4.0, 0.5))
    found = infer(seen, prior, GAUSSIAN, seed=1, state=tmp_path)
    hole = gaussian(SIZE, CELL, 1.0, 1.6, 0.4, 0.2) > 0.5
    fluxes = found.samples[:, hole].sum(axis=1) * CELL**2
    assert fluxes.mean() == pytest.approx(sky[hole].sum() * CELL**2, rel=0.05)
    assert fluxes.mean() < -5 * fluxes.std(ddof=1)


def test_two_windows_give_the_spectral_index_and_a_point_its_flux(sky: np.ndarray, tmp_path: Path) -> None:
    with_point = sky.copy()
    with_point[20, 8] += 5.0 / CELL**2
    seen = observed(with_point, CELL, 400, 0.1, 5, frequencies=(220e9, 240e9), index=2.0)
    found = infer(seen, PriorSettings(points=True), replace(GAUSSIAN, rounds=12), seed=1, state=tmp_path)
    assert abs(found.spectral_index.mean() - 2.0) < 0.3
    assert found.spectral_index.std(ddof=1) < 0.2
    near = (slice(19, 22), slice(7, 10))
    assert found.mean[near].sum() == pytest.approx(with_point[near].sum(), rel=0.05)
