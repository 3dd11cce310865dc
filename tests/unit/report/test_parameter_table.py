"""Table 2 on residuals made by hand."""

import numpy as np
import pytest
from evaluate_catalogues import catalogue, square

from cubefocus.report.methods import Method
from cubefocus.report.parameters import PARAMETERS, axis_ratio, relative_error
from cubefocus.report.tables.parameters import moments, parameter_table
from cubefocus.settings import EvaluationSettings
from cubefocus.stats.noise import MAD_TO_SIGMA

SETTINGS = EvaluationSettings(bootstrap=100)
N = 10


def tables():
    """Ten sources, one a cube, found with residuals 0, 1, ... 9 times a step in each parameter."""
    rows = [square(cube, 20, 20) for cube in range(N)]
    steps = np.arange(N, dtype=float)
    long = np.where(steps < 4, 2.2, 3.0)  # axis ratios 1.1 and 1.5
    shape = {"sigma_x": long, "sigma_y": np.full(N, 2.0), "x": np.full(N, 24.5), "y": np.full(N, 24.5)}
    true = catalogue(rows, **shape, z=np.full(N, 10.0), pa=np.full(N, 40.0), flux=np.full(N, 0.1))
    pred = true.copy()
    pred["x"] -= 0.1 * steps
    pred["pa"] -= steps  # 0, 2.5, ... 22.5 %
    pred["flux"] -= 0.002 * steps  # 0, 2, ... 18 %
    pred["z1"] -= 0.1
    return pred, true


def rows_of(pred, true, **kwargs):
    table = parameter_table([Method("chain", pred, with_line=True)], true, SETTINGS, **kwargs)
    return {row["parameter"]: row for row in table if row["source"] == "this run"}, table


def test_known_residuals():
    rows, _ = rows_of(*tables())
    assert rows["x"]["n_sources"] == N
    assert rows["x"]["mean"] == pytest.approx(0.45)
    assert rows["x"]["std"] == pytest.approx(0.1 * np.sqrt(99 / 12))
    assert rows["x"]["median"] == pytest.approx(0.45)
    assert rows["x"]["mad_std"] == pytest.approx(MAD_TO_SIGMA * 0.25)
    assert rows["x"]["mean_lo"] < 0.45 < rows["x"]["mean_hi"]
    assert rows["y"]["std"] == 0.0
    assert rows["extension"]["mean"] == pytest.approx(0.1)


def test_flux_is_in_mjy_and_its_fractions_are_counted():
    rows, _ = rows_of(*tables())
    assert rows["flux"]["mean"] == pytest.approx(9.0)
    assert [rows["flux"][name] for name in ("within_1", "within_10", "within_20")] == [0.1, 0.6, 1.0]
    assert rows["flux_relative"]["mean"] == pytest.approx(0.09)
    assert rows["flux"]["within_10_lo"] < 0.6 < rows["flux"]["within_10_hi"]


def test_a_unit_of_the_column_is_converted():
    pred, true = tables()
    true["flux"].unit = "Jy / beam"
    pred["flux"] *= 1000.0
    pred["flux"].unit = "mJy / beam"
    rows, _ = rows_of(pred, true)
    assert rows["flux"]["mean"] == pytest.approx(9.0)


def test_pa_of_elongated_sources_leaves_round_ones_out():
    rows, _ = rows_of(*tables())
    assert rows["pa"]["mean"] == pytest.approx(4.5)
    assert rows["pa_elongated"]["n_sources"] == 6
    assert rows["pa_elongated"]["mean"] == pytest.approx(6.5)
    assert rows["pa"]["within_10"] == 0.5
    assert rows["pa_elongated"]["within_20"] == pytest.approx(5 / 6)


def test_robust_forms_ignore_one_outlier():
    values = np.append(np.zeros(20) + np.linspace(-1, 1, 20), 1000.0)
    mean, std, median, mad = moments(values)
    assert mean > 40
    assert std > 200
    assert abs(median) < 0.1
    assert mad == pytest.approx(moments(values[:-1])[3], rel=0.1)


def test_values_that_are_not_known_are_left_out_and_noted():
    pred, true = tables()
    pred["pa"][:3] = np.nan
    rows, _ = rows_of(pred, true)
    assert rows["pa"]["n_sources"] == 7
    assert "3 matched sources without a value" in rows["pa"]["note"]


def test_no_matches_give_nan_with_a_reason():
    pred, true = tables()
    measured = {parameter.name for parameter in PARAMETERS} - {"line_flux_jykms", "continuum_mjy"}
    for predictions, names in ((pred[:0], measured), (catalogue([square(0, 90, 90)]), {"extension"})):
        rows, _ = rows_of(predictions, true)
        assert set(rows) == names
        for row in rows.values():
            assert row["n_sources"] == 0
            assert np.isnan([row["mean"], row["std_hi"], row["mad_std"], row["within_10"]]).all()
            assert "no matched sources" in row["note"]


def test_published_rows_follow_ours():
    _, table = rows_of(*tables())
    published = {row["parameter"]: row for row in table if row["source"] == "published MNRAS"}
    assert (published["flux"]["mean"], published["flux"]["std"]) == (-9.56, 20.08)
    assert published["pa"]["within_10"] == 0.73
    assert np.isnan(published["x"]["median"])
    assert "pa_elongated" not in published
    assert list(table["parameter"][:4]) == ["x", "x", "y", "y"]


def test_a_true_value_of_zero_divides_nothing():
    assert np.isnan(relative_error(np.zeros(1), np.ones(1))).all()


def test_axis_ratio_of_a_point_source_is_not_known():
    true = catalogue([square(0, 0, 0)] * 2, sigma_x=[0.0, 4.0], sigma_y=[0.0, 2.0])
    assert np.isnan(axis_ratio(true)[0])
    assert axis_ratio(true)[1] == 2.0
