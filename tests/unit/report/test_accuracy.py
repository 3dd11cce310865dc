"""Limit of the noise, coverage of stated errors, and nearest description, on draws with known errors."""

import numpy as np
import pytest
from astropy.table import Table
from evaluate_fits import at_limit, exchanged, limit, sources

from cubefocus.errors import CubefocusError
from cubefocus.report.accuracy import over_limit
from cubefocus.report.methods import Method
from cubefocus.report.parameters import limits_of, parameter_of, residuals_of
from cubefocus.report.tables.parameters import parameter_table
from cubefocus.settings import EvaluationSettings

SETTINGS = EvaluationSettings(bootstrap=30)
CUBES = 300  # of five sources: a share is known within 0.012
NEAREST = ("sigma_x_nearest", "sigma_y_nearest", "pa_nearest", "pa_nearest_elongated")
LIMITED = ("x", "y", *NEAREST, "z", "extension", "line_flux_jykms", "continuum_mjy")


def drawn(factor=1.0, seed=1):
    rng = np.random.default_rng(seed)
    true = sources(CUBES, rng)
    bound = limit(true, rng)
    return true, bound, at_limit(true, bound, rng, factor)


def rows_of(true, found, bound=None, name="chain+fit"):
    table = parameter_table([Method(name, found, with_line=True)], true, SETTINGS, bound=bound)
    return {row["parameter"]: row for row in table if row["source"] == "this run"}


def test_an_estimator_at_the_limit_is_at_it_and_its_errors_cover_what_they_say():
    true, bound, found = drawn()
    rows = rows_of(true, found, bound)
    for name in LIMITED:
        row = rows[name]
        assert row["over_limit"] == pytest.approx(1.0, abs=0.06), name
        assert row["over_limit"] == pytest.approx(row["std"] / row["limit"])
        assert row["over_limit_lo"] < row["over_limit"] < row["over_limit_hi"]
        assert row["coverage_68"] == pytest.approx(0.683, abs=0.04), name
        assert row["coverage_95"] == pytest.approx(0.95, abs=0.02), name
        assert row["coverage_68_lo"] < row["coverage_68"] < row["coverage_68_hi"]
    assert rows["x"]["limit"] == pytest.approx(np.sqrt(np.mean(np.asarray(bound["x_err"]) ** 2)))
    assert rows["extension"]["limit"] == pytest.approx(2 * np.sqrt(np.mean(np.asarray(bound["fwhm_z_err"]) ** 2)))


def test_an_estimator_twice_above_the_limit_that_states_the_limit_covers_less():
    rows = rows_of(*(drawn(2.0)[i] for i in (0, 2, 1)))
    assert rows["x"]["over_limit"] == pytest.approx(2.0, abs=0.15)
    assert rows["x"]["coverage_68"] == pytest.approx(0.383, abs=0.05)  # within half of its own sigma
    assert rows["x"]["coverage_95"] == pytest.approx(0.673, abs=0.05)


def test_the_nearest_description_removes_the_exchange_of_axes():
    true, bound, found = drawn()
    other = exchanged(found, np.arange(0, len(found), 3))
    plain, swapped = rows_of(true, found, bound), rows_of(true, other, bound)
    for name in NEAREST:
        assert swapped[name]["std"] == pytest.approx(plain[name]["std"]), name
        assert swapped[name]["coverage_68"] == plain[name]["coverage_68"], name
    for name in ("sigma_x", "sigma_y", "pa"):
        assert swapped[name]["over_limit"] > 2.5, name


def test_half_a_turn_is_none_and_pa_counts_within_parts_of_a_quarter():
    true, bound, found = drawn()
    turned = found.copy()
    turned["pa"] = (turned["pa"] + 180.0) % 360.0
    row, same = (rows_of(true, one, bound)["pa_nearest_elongated"] for one in (turned, found))
    assert row["std"] == pytest.approx(same["std"])
    residual = np.abs((true["pa"] - found["pa"] + 90.0) % 180.0 - 90.0)
    assert row["within_10"] == pytest.approx(np.mean(residual <= 9.0), abs=0.01)
    assert "fractions are of 90 deg" in row["note"]


def test_an_angle_that_noise_does_not_limit_is_no_worse_than_a_guess():
    true, bound, found = drawn()
    bound["pa_err"] = 1e6
    rows = rows_of(true, found, bound)
    assert rows["pa_nearest"]["limit"] == pytest.approx(180.0 / np.sqrt(12.0))
    assert rows["pa"]["limit"] == pytest.approx(90.0 / np.sqrt(12.0))


def test_without_stated_errors_or_bound_there_is_no_figure():
    true, bound, found = drawn()
    found.remove_columns([name for name in found.colnames if name.endswith("_err")])
    rows = rows_of(true, found)
    for name in LIMITED:
        assert np.isnan([rows[name][one] for one in ("limit", "over_limit", "coverage_68", "coverage_95_hi")]).all()
    assert np.isnan(rows_of(true, found, bound)["flux"]["limit"])  # no bound of it is known


def test_errors_that_some_sources_lack_are_counted():
    true, bound, found = drawn()
    found["x_err"][:100] = np.nan
    row = rows_of(true, found, bound)["x"]
    assert row["n_sources"] == len(true)
    assert f"errors stated for {len(true) - 100}" in row["note"]
    assert row["coverage_68"] == pytest.approx(0.683, abs=0.04)


def test_rows_are_of_what_each_method_measures_and_published_ones_of_the_chain():
    true, bound, found = drawn()
    chain = found.copy()
    chain.remove_columns(["line_flux_jykms", "continuum_mjy"])
    methods = [Method("chain", chain, with_line=True), Method("chain+fit", found, with_line=True)]
    table = parameter_table(methods, true, SETTINGS, bound=bound)
    of_x = table[table["parameter"] == "x"]
    assert list(of_x["method"]) == ["chain", "chain", "chain+fit"]
    assert list(of_x["source"]) == ["this run", "published MNRAS", "this run"]
    assert list(table["method"][table["parameter"] == "continuum_mjy"]) == ["chain+fit"]


def test_a_source_without_a_bound_is_told():
    true, bound, _ = drawn()
    missing = bound[(bound["cube_id"] != 7) | (bound["source_id"] != 2)]
    with pytest.raises(CubefocusError, match="source 2 of cube 7"):
        limits_of(true, missing)
    assert limits_of(true, bound)["source_id"].tolist() == true["source_id"].tolist()
    assert len(limits_of(true[:0], Table())) == 0


def test_sources_without_a_limit_are_left_out_of_both():
    residuals = np.array([1.0, -1.0, 50.0])
    assert over_limit(residuals, np.array([0.5, 0.5, np.nan])) == pytest.approx(2.0)
    assert np.isnan(over_limit(residuals, np.full(3, np.nan)))
    assert np.isnan(over_limit(residuals, np.zeros(3)))


def test_a_relative_error_has_relative_errors_whatever_the_unit():
    true, _, found = drawn()
    true["flux"].unit = "Jy / beam"
    found["flux"] = 1e3 * found["flux"] * 1.1
    found["flux_err"] = 1e3 * 0.1 * true["flux"]
    for name in ("flux", "flux_err"):
        found[name].unit = "mJy / beam"
    method = Method("chain+fit", found, with_line=True)
    measured = residuals_of(parameter_of("flux_relative"), found, true, method.matches(true, SETTINGS))
    assert measured.residual == pytest.approx(np.full(len(true), -0.1))
    assert measured.stated == pytest.approx(np.full(len(true), 0.1))
    assert measured.pulls == pytest.approx(np.full(len(true), -1.0))
