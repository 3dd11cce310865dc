"""Fidelity from the inverted image: what noise and bright sources must give."""

from functools import cache

import numpy as np
import pytest
from astropy.table import Table

from cubefocus.errors import CubefocusError
from cubefocus.find import threshold
from cubefocus.find.interface import find_all
from cubefocus.find.threshold import find
from cubefocus.report.figures.fidelity import fidelity_curves
from cubefocus.report.tables.fidelity import fidelity, fidelity_table, ratio, snr_edges


def detections(*snr):
    return Table({"snr": np.array(snr, dtype=float)})


@cache
def searched(sources, n=40, size=96, seed=3):
    """Detections above 3 sigma in images of noise with `sources` bright ones each, and in the same images inverted."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:size, :size]
    images = []
    for cube in range(n):
        image = rng.normal(size=(size, size))
        for x, y in rng.uniform(8, size - 8, (sources, 2)):
            image += 20.0 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 8.0)
        images.append((cube, image))
    parameters = {**threshold.PARAMETERS, "threshold": 3.0}
    return tuple(find_all(find, [(cube, sign * image) for cube, image in images], parameters) for sign in (1, -1))


def test_noise_alone_has_a_fidelity_of_zero():
    positive, negative = searched(0)
    assert len(positive) > 300
    table = fidelity(positive, negative, np.array([3.0, 3.3, 3.7, 6.0]))
    assert np.abs(table["fidelity"]).max() < 0.35
    assert abs(table["fidelity_above"][0]) < 0.1
    assert table["fidelity_above_lo"][0] < table["fidelity_above"][0] < table["fidelity_above_hi"][0]


def test_bright_sources_have_a_fidelity_of_one_and_the_noise_beside_them_of_zero():
    positive, negative = searched(2)
    table = fidelity(positive, negative, np.array([3.0, 3.5, 10.0, 40.0]))
    bright = table[-1]
    assert bright["n_positive"] >= 70
    assert (bright["n_negative"], bright["fidelity"], bright["fidelity_hi"]) == (0, 1.0, 1.0)
    assert 0.97 < bright["fidelity_lo"] < 1.0
    assert abs(table["fidelity"][0]) < 0.25


def test_known_counts():
    table = fidelity(detections(3, 3, 3, 3, 5, 9), detections(3, 3, 5), np.array([2.0, 4.0, 6.0, 8.0, 9.0]))
    assert table["n_positive"].tolist() == [4, 1, 0, 1]
    assert table["n_negative"].tolist() == [2, 1, 0, 0]
    assert table["fidelity"].tolist()[:2] == [0.5, 0.0]
    assert np.isnan(list(table["fidelity", "fidelity_lo", "fidelity_hi"][2])).all()
    assert table["fidelity"][3] == 1.0  # the last edge belongs to the last bin
    assert table["n_positive_above"].tolist() == [6, 2, 1, 1]
    assert table["fidelity_above"].tolist() == [0.5, 0.5, 1.0, 1.0]


def test_the_interval_covers_the_ratio_of_poisson_counts():
    rng = np.random.default_rng(0)
    positive, negative = rng.poisson(60, 4000), rng.poisson(15, 4000)
    _, low, high = ratio(positive, negative, 0.68)
    inside = (low <= 0.75) & (high >= 0.75)
    assert inside.mean() == pytest.approx(0.68, abs=0.04)


def test_the_interval_has_a_width_without_any_negative_detection():
    value, low, high = (ends[0] for ends in ratio(np.array([20]), np.array([0]), 0.68))
    assert (value, high) == (1.0, 1.0)
    assert 0.9 < low < 1.0


def test_edges_span_both_tables_and_leave_no_bin_to_a_few_bright_ones():
    snr = np.random.default_rng(0).lognormal(1.5, 0.7, 500) + 3.0
    edges = snr_edges(detections(*snr), detections(2.5, 8.0))
    assert (edges[0], edges[-1]) == pytest.approx((2.5, snr.max()))
    assert np.ptp(edges[1:-1] / edges[:-2]) < 1e-9
    assert edges[1] / edges[0] == pytest.approx(1.25, abs=0.03)
    assert (snr >= edges[-2]).sum() >= 10
    assert (np.diff(snr_edges(detections(4.0, 4.0), Table())) > 0).all()
    assert (np.diff(snr_edges(Table(), Table())) > 0).all()


def test_the_table_has_all_methods_and_the_figure_draws_them():
    rows = fidelity_table({"threshold": searched(2), "nothing": (Table(), Table())})
    assert list(dict.fromkeys(rows["method"])) == ["threshold", "nothing"]
    assert rows["n_positive"].sum() == len(searched(2)[0])
    figure = fidelity_curves(rows)
    figure.draw_without_rendering()
    (line,) = [line for line in figure.axes[0].lines if line.get_label() == "threshold"]
    shown = np.isfinite(rows["fidelity"])
    assert line.get_ydata() == pytest.approx(np.array(rows["fidelity"][shown]))


def test_nothing_to_count_is_told():
    with pytest.raises(CubefocusError, match="no method"):
        fidelity_table({})
    with pytest.raises(CubefocusError, match="'snr'"):
        fidelity(Table({"x": [1.0]}), Table(), np.array([1.0, 2.0]))
    with pytest.raises(CubefocusError, match="upwards"):
        fidelity(detections(4.0), detections(-4.0), np.array([1.0, 5.0]))
