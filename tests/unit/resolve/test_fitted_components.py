"""Components fitted to visibilities: derivatives, what is found without noise, and what the errors are worth."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.table import Table
from continuum import observed, sky_of, true_components

from cubefocus.errors import CubefocusError
from cubefocus.resolve import elliptical
from cubefocus.resolve.elliptical import Grid, gradient, image, slopes, told, vector
from cubefocus.resolve.fitted import as_table, fit_components

pytest.importorskip("ducc0")

TRUTH = true_components([(24.0, 38.0, 20.0, 1.6, 1.1, 30.0), (40.5, 29.0, 8.0, 2.6, 1.8, 120.0)])


def test_gaussian_is_that_of_its_widths_and_angle() -> None:
    """East is to the left, and the angle runs from north through east."""
    row = TRUTH[0]
    grid = Grid((64, 64), 0.2)
    values = vector(
        row["peak"], *grid.offset(row["x"], row["y"]), row["major_arcsec"], row["minor_arcsec"], row["pa_deg"]
    )
    assert image(values, *grid.offsets()) == pytest.approx(sky_of(TRUTH[:1]), abs=1e-9)
    assert told(values)["pa_deg"] == pytest.approx(30.0)
    assert told(values)["flux"] == pytest.approx(row["flux"])
    assert grid.place(*grid.offset(3.5, 7.0)) == pytest.approx((3.5, 7.0))


def test_derivatives_are_those_of_small_steps() -> None:
    values = vector(5.0, 0.3, -0.4, 1.7, 0.9, 70.0)
    east, north = Grid((16, 16), 0.2).offsets()
    step = 1e-5
    for number in range(6):
        moved = step * np.eye(6)[number]
        change = (image(values + moved, east, north) - image(values - moved, east, north)) / (2 * step)
        assert gradient(values, east, north)[number] == pytest.approx(change, abs=1e-7)
        for name, slope in slopes(values).items():
            change = (told(values + moved)[name] - told(values - moved)[name]) / (2 * step)
            assert slope[number] == pytest.approx(change, abs=1e-6)


def test_without_noise_the_truth_is_found_from_disturbed_starts() -> None:
    starts = TRUTH.copy()
    starts["peak"] *= (1.2, 0.8)
    starts["x"] += (0.7, -0.5)
    starts["pa_deg"] += 15.0
    starts["major_arcsec"] *= 1.2
    data = observed(TRUTH, 1e-6, seed=1)
    fit = fit_components(data, starts)
    table = as_table(fit, data.header, np.array([1, 2]))
    for name, tolerance in (("x", 2e-3), ("y", 2e-3), ("peak", 2e-2), ("flux", 2e-2), ("major_arcsec", 2e-3)):
        assert np.asarray(table[name]) == pytest.approx(np.asarray(TRUTH[name]), abs=tolerance)
    assert np.asarray(table["pa_deg"]) == pytest.approx(np.asarray(TRUTH["pa_deg"]), abs=0.1)


def test_a_component_of_two_pixels_keeps_its_own_width() -> None:
    """A sky holds the mean of such a Gaussian over each pixel; the fit tells the Gaussian itself."""
    grid, values = Grid((32, 32), 0.2), vector(10.0, 0.06, -0.02, 0.4, 0.36, 40.0)
    mean = elliptical.over_pixels(image(values, *grid.offsets(8)), 8)
    assert mean.sum() * 0.2**2 == pytest.approx(told(values)["flux"], rel=1e-3)
    assert mean.max() < 0.92 * 10.0
    assert elliptical.over_pixels(np.ones((3, 8, 8)), 4).shape == (3, 2, 2)


def test_scatter_over_noise_is_the_stated_error() -> None:
    names = ("x", "y", "peak", "flux", "major_arcsec", "minor_arcsec", "pa_deg")
    pulls = []
    for seed in range(30):
        data = observed(TRUTH, 0.2, seed)
        table = as_table(fit_components(data, TRUTH), data.header, np.array([1, 2]))
        pulls.append([(table[name] - TRUTH[name]) / table[f"{name}_err"] for name in names])
        assert table.meta["reduced_chi2"] == pytest.approx(1.0, abs=0.25)
    spread = np.std(pulls, axis=0)
    assert spread.mean() == pytest.approx(1.0, abs=0.12)
    assert np.all((spread > 0.6) & (spread < 1.5))
    assert np.abs(np.mean(pulls, axis=0)).max() < 0.7


def test_errors_follow_the_scatter_of_the_data_and_not_their_weights() -> None:
    """Weights that promise half of the noise give the same errors, with a chi^2 of four."""
    honest = observed(TRUTH, 0.2, seed=3)
    (window,) = honest.windows
    bold = type(honest)((type(window)(**(vars(window) | {"weights": 4.0 * window.weights})),), honest.header)
    both = [as_table(fit_components(data, TRUTH), data.header, np.array([1, 2])) for data in (honest, bold)]
    assert both[1].meta["reduced_chi2"] == pytest.approx(4.0 * both[0].meta["reduced_chi2"], rel=1e-3)
    assert np.asarray(both[1]["flux_err"]) == pytest.approx(np.asarray(both[0]["flux_err"]), rel=1e-2)


def test_component_outside_the_field_is_refused() -> None:
    """It leaves no trace in any visibility, so nothing could be told of it."""
    starts = Table(TRUTH)
    starts["x"][1] = 5000.0
    with pytest.raises(CubefocusError, match="no trace"):
        fit_components(observed(TRUTH[:1], 0.2, seed=3), starts)


def test_twins_have_errors_that_say_so() -> None:
    """One component fitted as two: neither of their fluxes is known."""
    data = observed(TRUTH[:1], 0.2, seed=3)
    starts = Table(TRUTH[[0, 0]])
    starts["peak"] /= 2.0
    starts["x"] += (0.5, -0.5)
    table = as_table(fit_components(data, starts), data.header, np.array([1, 2]))
    assert (
        np.asarray(table["flux_err"]).min()
        > 3.0 * as_table(fit_components(data, TRUTH[:1]), data.header, np.array([1]))["flux_err"][0]
    )


def test_no_component_is_refused() -> None:
    with pytest.raises(CubefocusError, match="0 components"):
        fit_components(observed(TRUTH, 0.2, seed=3), TRUTH[:0])


def test_round_component_has_no_angle() -> None:
    assert np.isnan(elliptical.slopes(vector(1.0, 0.0, 0.0, 1.0, 1.0, 0.0))["pa_deg"][4:]).all()
