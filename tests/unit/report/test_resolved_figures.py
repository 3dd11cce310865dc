"""Figures of the Bayesian imaging: what is drawn of posteriors, residuals and coverage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table
from continuum import CELL_ARCSEC, posterior_about, sky_of, true_components
from matplotlib.figure import Figure

from cubefocus.report.figures.resolved_curves import (
    Residuals,
    pulls_of,
    radial_power,
    resolved_coverage,
    resolved_energy,
    resolved_power,
    resolved_residuals,
)
from cubefocus.report.figures.resolved_maps import resolved_maps, resolved_rounds
from cubefocus.report.figures.style import save_figure
from cubefocus.resolve.posterior import Posterior

TRUTH = true_components([(24.0, 38.0, 20.0, 1.6, 1.1, 30.0), (40.5, 29.0, 8.0, 2.6, 1.8, 120.0)])
SKY = sky_of(TRUTH)


def posterior(seed: int = 1, number: int = 8) -> Posterior:
    return posterior_about(SKY, np.array(0.1), number, seed)


def titles(figure: Figure) -> list[str]:
    return [axis.get_title() for axis in figure.axes if axis.get_title()]


def test_maps_show_posterior_clean_and_truth(tmp_path: Path) -> None:
    clean = np.where(np.hypot(*(np.indices(SKY.shape) - 32)) < 30, SKY, np.nan)
    figure = resolved_maps(posterior(), SKY, {"tclean natural": clean, "tclean Briggs": clean}, CELL_ARCSEC)
    assert titles(figure) == ["posterior mean", "relative error", "tclean natural", "tclean Briggs", "true sky",
                              "mean $-$ true"]  # fmt: skip
    difference = figure.axes[5].images[0].get_array()
    assert np.std(difference) == pytest.approx(1.0 / np.sqrt(8), rel=0.3)
    assert [path.suffix for path in save_figure(figure, tmp_path / "maps", {})] == [".png", ".pdf"]


def test_maps_of_real_data_have_no_truth() -> None:
    figure = resolved_maps(posterior(), None, {"tclean natural": SKY}, CELL_ARCSEC)
    assert titles(figure) == ["posterior mean", "relative error", "tclean natural"]


def test_maps_have_east_to_the_left() -> None:
    left, right, bottom, top = resolved_maps(posterior(), None, {}, CELL_ARCSEC).axes[0].images[0].get_extent()
    assert left == pytest.approx(-right + CELL_ARCSEC)
    assert left > right
    assert top > bottom
    assert top == pytest.approx(-bottom - CELL_ARCSEC)


def test_rounds_have_a_row_each(tmp_path: Path) -> None:
    figure = resolved_rounds({0: posterior(1, 2), 5: posterior(2), 24: posterior(3)}, CELL_ARCSEC)
    labels = [axis.get_ylabel() for axis in figure.axes]
    assert [label for label in labels if label.startswith("round")] == ["round 0", "round 5", "round 24"]
    assert "sample 3" in titles(figure)
    save_figure(figure, tmp_path / "rounds", {})


def test_spectrum_of_a_wave_is_at_its_wavenumber() -> None:
    x = np.arange(64) * CELL_ARCSEC
    at, power = radial_power(
        np.cos(2.0 * np.pi * 10 / (64 * CELL_ARCSEC) * x) * np.ones((64, 1)), CELL_ARCSEC, np.linspace(0.08, 3.0, 50)
    )
    assert at[np.argmax(power)] == pytest.approx(10 / (64 * CELL_ARCSEC), rel=0.1)


def test_power_has_prior_posterior_and_truth() -> None:
    figure = resolved_power(posterior(), (-2.0, 0.5), SKY, CELL_ARCSEC)
    labels = figure.axes[0].get_legend_handles_labels()[1]
    assert labels == ["prior slope $-2 \\pm 0.5$", "posterior", "true sky, scaled"]


def test_residuals_of_noise_have_a_width_of_one(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    window = Residuals(rng.normal(size=3000) + 1j * rng.normal(size=3000), rng.uniform(10.0, 500.0, 3000))
    figure = resolved_residuals([window])
    rms = next(line for line in figure.axes[0].lines if line.get_label() == "rms")
    assert np.asarray(rms.get_ydata()) == pytest.approx(np.ones(20), abs=0.25)
    assert any(text.get_text().startswith(("std 0.9", "std 1.0")) for text in figure.axes[1].texts)
    save_figure(figure, tmp_path / "residuals", {})


def test_energy_that_is_negative_is_drawn_too() -> None:
    rounds = posterior().rounds
    assert resolved_energy(rounds, (0.8, 1.2)).axes[0].get_yscale() == "log"
    rounds["energy"][1] = -5.0
    assert resolved_energy(rounds, (0.8, 1.2)).axes[0].get_yscale() == "linear"


def test_pulls_are_in_units_of_the_error(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    compared = Table({"snr": rng.uniform(5.0, 500.0, 200)})
    for quantity in ("flux", "peak"):
        compared[f"{quantity}_true"] = np.full(200, 3.0)
        compared[f"{quantity}_resolve_std"] = np.full(200, 0.1)
        compared[f"{quantity}_resolve"] = 3.0 + 0.2 * rng.standard_normal(200)
    assert np.std(pulls_of(compared, "flux")) == pytest.approx(2.0, rel=0.15)
    save_figure(resolved_coverage(compared), tmp_path / "coverage", {})
    assert resolved_coverage(compared[:0]).axes[0].texts[0].get_text() == "no skies"
