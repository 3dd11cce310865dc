"""Completeness and purity in bins."""

import numpy as np
import pytest
from evaluate_catalogues import catalogue, square

from cubefocus.report.methods import Method
from cubefocus.report.rates import BLENDNESS_EDGES, binned_rate, blendness_by_cube, quantile_edges, rates_table
from cubefocus.settings import EvaluationSettings


def test_rates_of_known_bins():
    values = np.array([1.0, 1.5, 2.5, 2.6, 4.0, np.nan])
    success = np.array([True, False, True, True, True, True])
    table = binned_rate(values, success, np.array([1.0, 2.0, 3.0, 3.5, 4.0]))
    assert table["n"].tolist() == [2, 2, 0, 1]
    assert table["rate"].tolist()[:2] == [0.5, 1.0]
    assert np.isnan([table["rate"][2], table["rate_lo"][2]]).all()
    assert table["rate"][3] == 1.0  # the last edge belongs to the last bin


def test_quantile_edges_hold_equal_numbers():
    values = np.random.default_rng(0).lognormal(size=800)
    counts, _ = np.histogram(values, quantile_edges(values, 8))
    assert counts.tolist() == [100] * 8


@pytest.mark.parametrize("values", [np.empty(0), np.full(5, 2.0), np.array([np.nan])])
def test_quantile_edges_of_few_values_still_make_a_bin(values):
    assert (np.diff(quantile_edges(values)) > 0).all()


def test_blendness_stays_within_a_cube():
    table = catalogue([square(0, 0, 0), square(0, 5, 0), square(1, 0, 0)])
    assert blendness_by_cube(table) == pytest.approx([1 / 3, 1 / 3, 0.0])


def test_completeness_rises_with_snr_where_faint_sources_are_missed():
    snr = np.linspace(1, 20, 40)
    true = catalogue([square(cube, 5, 5) for cube in range(40)], snr=snr, blendness=np.zeros(40))
    found = true[snr > 10]
    pred = catalogue([*found[list(true.colnames[:7])].iterrows(), square(0, 30, 30)], snr=[*found["snr"], 1.0])
    table = rates_table([Method("chain", pred)], true, EvaluationSettings())
    by_snr = table[(table["quantity"] == "completeness") & (table["against"] == "snr")]
    assert by_snr["rate"][0] == 0.0
    assert by_snr["rate"][-1] == 1.0
    assert by_snr["n"].sum() == 40
    purity = table[(table["quantity"] == "purity") & (table["against"] == "snr")]
    assert purity["n"].sum() - purity["k"].sum() == 1
    assert purity["rate"][0] < 1.0 == purity["rate"][-1]


def test_predictions_without_snr_and_no_predictions_have_what_they_can():
    true = catalogue([square(0, 0, 0)], snr=[5.0], blendness=[0.0])
    methods = [Method("a", true["cube_id", "x0", "y0", "x1", "y1"]), Method("b", true[:0])]
    table = rates_table(methods, true, EvaluationSettings())
    chosen = table[(table["method"] == "a") & (table["quantity"] == "purity")]
    assert set(chosen["against"]) == {"blendness"}
    assert len(chosen) == len(BLENDNESS_EDGES) - 1
    assert set(table[(table["method"] == "b") & (table["quantity"] == "completeness")]["k"]) == {0}
