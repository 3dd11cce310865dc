"""Figures draw without a warning (warnings are errors), also with nothing to draw, and save the same bytes twice."""

import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pytest
from astropy.table import Table
from evaluate_catalogues import catalogue, square
from evaluate_methods import NAMES, found_by, truth_of
from matplotlib.collections import FillBetweenPolyCollection

from cubefocus.errors import CubefocusError
from cubefocus.report.figures.completeness import completeness_purity
from cubefocus.report.figures.detected import detected_histograms
from cubefocus.report.figures.distributions import truth_distributions
from cubefocus.report.figures.flux_error import flux_error
from cubefocus.report.figures.focused import focused_images
from cubefocus.report.figures.images import ImagePanel, image_panels
from cubefocus.report.figures.pa_error import pa_error
from cubefocus.report.figures.residuals import parameter_residuals
from cubefocus.report.figures.spectra import SpectrumPanel, spectra
from cubefocus.report.figures.style import BLACK, bin_edges, look, plus_minus, save_figure
from cubefocus.report.figures.training import training_curves
from cubefocus.report.figures.tuning import tuning_curves
from cubefocus.report.methods import Method
from cubefocus.report.rates import rates_table
from cubefocus.settings import EvaluationSettings
from cubefocus.tables.matching import match


def truth(n=30):
    rng = np.random.default_rng(1)
    rows = [square(cube, 20, 20, z=15.0) for cube in range(n)]
    drawn = {name: rng.uniform(2, 8, n) for name in ("sigma_x", "sigma_y", "fwhm_x", "fwhm_y", "fwhm_z", "snr")}
    drawn |= {name: rng.uniform(20, 30, n) for name in ("x", "y", "z")}
    drawn |= {"pa": rng.uniform(0, 90, n), "flux": rng.lognormal(-3, 1, n), "continuum": rng.normal(0, 0.01, n)}
    return catalogue(rows, **drawn, blendness=rng.uniform(0, 0.5, n), is_central=np.arange(n) % 3 == 0)


def predictions(true):
    pred = true[: len(true) * 2 // 3].copy()
    for name in ("x", "y", "z", "sigma_x", "sigma_y", "pa", "flux"):
        pred[name] = pred[name] * 1.01
    return pred


def image_panel():
    image = np.random.default_rng(0).normal(size=(32, 32))
    image[:4] = np.nan
    return ImagePanel("cube 1", image, np.zeros((32, 32)), np.full((32, 32), 0.5), [(3, 4, 9, 8)])


def spectrum_panel():
    spectrum = np.random.default_rng(0).normal(size=32)
    return SpectrumPanel("cube 1", spectrum, np.zeros(32), np.array([[3.0, 9.0]]))


def draw(figure):
    """Lay out and draw everything, without the cost of pixels."""
    figure.draw_without_rendering()


@pytest.mark.parametrize("n", [30, 1, 0])
def test_figures_of_catalogues_draw_with_many_one_and_no_sources(n):
    true = truth(n)
    pred = predictions(true) if n > 1 else true
    matches = match(pred, true, line_iou=0.6)
    draw(truth_distributions(true))
    draw(detected_histograms(true, {"chain": matches.matched_true}))
    for plot in (parameter_residuals, flux_error, pa_error):
        draw(plot(pred, true, matches))
    rates = rates_table([Method("chain", pred), Method("blobs_finder", pred)], true, EvaluationSettings())
    draw(completeness_purity(rates))


def test_figures_draw_when_nothing_was_detected():
    true = truth()
    matches = match(Table(), true)
    for plot in (parameter_residuals, flux_error, pa_error):
        draw(plot(Table(), true, matches))
    draw(detected_histograms(true, {"chain": matches.matched_true}))
    draw(completeness_purity(rates_table([Method("chain", Table())], true, EvaluationSettings())))


@pytest.mark.parametrize("number", [1, 3])
def test_pictures_of_cubes_draw(number):
    draw(image_panels([image_panel()] * number))
    draw(spectra([spectrum_panel()] * number))
    boxes = np.array([[3, 4, 9, 8]] * number)
    draw(focused_images(image_panel().dirty, boxes, [5.0] * number, [np.eye(3)] * number,
                                [9.0] * number))  # fmt: skip


def test_an_integrated_image_without_sources_draws():
    draw(focused_images(image_panel().dirty, np.empty((0, 4)), [], [], []))


def test_boxes_are_outlined_at_the_borders_of_their_pixels():
    axes = image_panels([image_panel()]).axes[0]
    patch = axes.patches[0]
    assert (patch.get_x(), patch.get_y(), patch.get_width(), patch.get_height()) == (2.5, 3.5, 6, 4)


def test_training_curves_draw_also_for_a_first_epoch_without_training_loss():
    table = Table({"epoch": [0, 1, 2], "train_loss": [np.nan, 0.5, 0.3], "valid_loss": [0.9, 0.5, 0.6]})
    figure = training_curves({"blobs_finder": {"trained": table}, "flux": {"trained": table, "finetuned": table}})
    best = figure.axes[0].lines[-1]
    assert (best.get_xdata()[0], best.get_ydata()[0]) == (1, 0.5)
    draw(figure)


def look_of(line):
    return line.get_color(), line.get_linestyle(), line.get_marker()


def test_eight_methods_are_told_apart_with_the_legend_outside():
    true = truth_of(40)
    found = {name: found_by(true, number) for number, name in enumerate(NAMES)}
    methods = [Method(name, table) for name, table in found.items()]
    rates = completeness_purity(rates_table(methods, true, EvaluationSettings()))
    detected = detected_histograms(true, {name: match(one, true).matched_true for name, one in found.items()})
    for figure, number in ((rates, 8), (detected, 9)):  # the truth is the ninth
        draw(figure)
        panel = figure.axes[1]
        assert len({line.get_color() for line in panel.lines}) == len(panel.lines) == number
        (legend,) = figure.legends
        assert len(legend.get_texts()) == number
        box = legend.get_window_extent()
        assert all(not box.overlaps(axes.get_tightbbox()) for axes in figure.axes)
        assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1
    assert len({look_of(line)[2] for line in rates.axes[0].lines}) == 8
    assert len(detected.axes[0].patches) == 9


def test_bands_give_way_to_bars_where_they_would_hide_each_other():
    true = truth_of(10)
    for number, bands in ((4, 4), (5, 0)):
        methods = [Method(name, found_by(true, 0)) for name in NAMES[:number]]
        axes = completeness_purity(rates_table(methods, true, EvaluationSettings())).axes[0]
        assert sum(isinstance(part, FillBetweenPolyCollection) for part in axes.collections) == bands
        assert len(axes.collections) == number


def test_any_number_of_methods_has_looks_of_their_own():
    looks = [look(number) for number in range(64)]
    assert len(set(looks)) == 64
    assert len({one.colour for one in looks[:8]} | {BLACK}) == 9


def test_nothing_to_draw_is_told():
    for plot in (image_panels, spectra):
        with pytest.raises(CubefocusError, match="at least one"):
            plot([])
    with pytest.raises(CubefocusError, match="training curves"):
        training_curves({})


def test_the_same_figure_gives_the_same_bytes(tmp_path):
    def made(name):
        paths = save_figure(spectra([spectrum_panel()]), tmp_path / name, {"seed": 1})
        assert [path.suffix for path in paths] == [".png", ".pdf"]
        return [path.read_bytes() for path in paths]

    assert made("a") == made("b")
    assert b"CreationDate" not in made("c")[1]


def test_no_backend_is_chosen_and_no_setting_is_left_behind():
    code = """
import sys, numpy as np, matplotlib
matplotlib.rcParams["font.size"] = 17.0
from cubefocus.report.figures.spectra import SpectrumPanel, spectra
spectra([SpectrumPanel("a", np.arange(4.0), np.arange(4.0))])
assert "matplotlib.pyplot" not in sys.modules
assert matplotlib.rcParams["font.size"] == 17.0
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_users_style_does_not_change_the_figure():
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "black"}):
        axes = truth_distributions(truth()).axes[0]
    assert axes.get_facecolor() == (1.0, 1.0, 1.0, 1.0)
    assert axes.xaxis.label.get_fontsize() == 9


def test_bins_are_logarithmic_for_values_of_many_scales_only():
    assert bin_edges(np.array([1.0, 100.0]))[1]
    assert not bin_edges(np.array([-1.0, 100.0]))[1]
    assert not bin_edges(np.array([1.0, 100.0]), allow_log=False)[1]
    edges, _ = bin_edges(np.array([2.0, 2.0]))
    assert (np.diff(edges) > 0).all()


def test_mean_and_deviation_have_the_digits_of_the_deviation():
    assert plus_minus(np.array([1.0, 1.5])) == r"$1.25 \pm 0.25$"
    assert plus_minus(np.array([-0.001, 0.0005])) == r"$-0.00025 \pm 0.00075$"
    assert plus_minus(np.array([3.0])) == r"$3.00 \pm 0.00$"


def test_every_method_has_a_curve_of_its_own_look():
    true = truth()
    found = {f"method {number}": np.ones(len(true), dtype=bool) for number in range(12)}
    figure = detected_histograms(true, found)
    lines = figure.axes[1].get_lines()
    assert len(lines) == 13
    assert len({(line.get_color(), str(line.get_linestyle()), line._unscaled_dash_pattern) for line in lines}) == 13


def test_tuning_shows_the_best_of_further_parameters_and_marks_the_point_that_was_used():
    rows = [(t, p, e, f) for t in (4.0, 5.0, 6.0) for p in (1, 9) for e, f in ((1.0, 0.1 * t + 0.01 * p), (2.0, 0.0))]
    scores = Table(rows=rows, names=("threshold", "min_pixels", "extent", "f1"))
    figure = tuning_curves({"threshold": scores, "bdsf": Table(names=["extent", "f1"])})
    draw(figure)
    *lines, mark = figure.axes[0].get_lines()
    assert [line.get_label() for line in lines] == ["1", "9"]
    assert lines[0].get_xdata().tolist() == [4.0, 5.0, 6.0]
    assert lines[1].get_ydata() == pytest.approx([0.49, 0.59, 0.69])
    assert (mark.get_xdata()[0], mark.get_ydata()[0]) == pytest.approx((6.0, 0.69))
    assert [text.get_text() for text in figure.axes[1].texts] == ["not run"]
    draw(tuning_curves({"one": Table({"threshold": [3.0, 4.0], "f1": [0.5, np.nan]})}))
    draw(tuning_curves({}))
