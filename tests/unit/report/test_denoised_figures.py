"""Figures of the denoising study: what is where, and that a method looks the same everywhere."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.table import Table
from matplotlib.figure import Figure

from cubefocus.denoise.metrics import BINS, SNR_BINS
from cubefocus.denoise.scores import CELL, of
from cubefocus.report.figures.denoised_curves import correlations, histograms, looks, seen
from cubefocus.report.figures.denoised_maps import EMPTY, FieldMaps, field_maps, scale_bar
from cubefocus.report.figures.style import BLACK

N = len(SNR_BINS) - 1
METHODS = {"noise": ("sky", "none", "gaussian", "fft", "residual"),
           "clean": ("sky", "none", "gaussian", "fft", "residual", "residual (noise)")}  # fmt: skip


@pytest.fixture
def scores():
    rows = [
        {"dataset": dataset, "method": method, "image": image, "sky_peak": 10.0**-image, "discrepancy": 0.1 * number,
         "histogram": np.arange(len(BINS) - 1) * image, "correlations": np.linspace(1, 0, 6) / (1 + number),
         "completeness_by_snr": np.full(N, 0.1 * number), "purity_by_snr": np.full(N, 0.5),
         "emission_by_snr": np.full(N, 3), "chosen_by_snr": np.full(N, 4)}
        for dataset, methods in METHODS.items() for number, method in enumerate(methods) for image in (3, 5)
    ]  # fmt: skip
    return Table(rows, meta={CELL: 80.0})


def test_a_method_looks_the_same_for_all_datasets_and_the_sky_is_black(scores):
    styles = looks(scores)
    assert styles["sky"].colour == BLACK
    assert len({(one.colour, one.line) for one in styles.values()}) == len(styles)
    assert looks(of(scores, dataset="clean")) == styles


def test_histograms_are_those_of_all_images_and_bars_their_discrepancy(scores):
    figure = histograms(scores)
    counts, bars = figure.axes[2:4]  # of the second dataset
    assert np.nanmax(counts.lines[0].get_ydata()) == (len(BINS) - 2) * (3 + 5)
    assert [bar.get_width() for bar in bars.patches] == pytest.approx([0.5, 0.4, 0.3, 0.2, 0.1])
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels[-1] == "residual network (trained on noise)"
    assert len(labels) == len(set(labels)) == 6


def test_correlations_are_drawn_in_both_fields_and_what_is_seen_without_the_sky(scores):
    figure = correlations(scores)
    assert len(figure.axes) == 2 * len(METHODS)
    line = figure.axes[0].lines[0]
    assert line.get_xdata().tolist() == [0, 80, 160, 240, 320, 400]
    assert line.get_ydata().tolist() == pytest.approx(np.linspace(1, 0, 6).tolist())
    axes = seen(scores).axes[0]
    assert len(axes.lines) == len(METHODS["noise"]) - 1
    assert axes.lines[0].get_ydata() == pytest.approx(np.full(N, 0.1))


def test_each_field_has_a_scale_of_its_own_and_an_empty_place_no_axes():
    image = np.full((20, 20), 1e-6)
    figure = field_maps([FieldMaps(field, [[("sky", image), ("noise image", -image)], [EMPTY, ("filter", image)]])
                         for field in ("cluster", "group")], 6.0)  # fmt: skip
    maps = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title() for axes in maps] == ["sky", "noise image", "filter"] * 2
    assert [axes.images[0].norm.vmax for axes in (maps[0], maps[-1])] == [1e-3, 1e-4]
    assert {axes.images[0].norm.vmin for axes in maps} == {1e-7}
    assert sum(not axes.axison for axes in figure.axes) == 2


@pytest.mark.parametrize(("pixels", "arcmin"), [(1024, 10), (256, 2), (20, 1)])
def test_the_bar_is_a_round_number_of_arcmin(pixels, arcmin):
    axes = Figure().subplots()
    scale_bar(axes, np.zeros((pixels, pixels)), 2.0)
    left, right = axes.lines[0].get_xdata()
    assert (right - left) * pixels * 2.0 / 60.0 == pytest.approx(arcmin)
    assert axes.texts[0].get_text() == f"{arcmin} arcmin"
