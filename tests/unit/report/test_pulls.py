"""The figure of residuals over stated errors."""

import numpy as np
import pytest
from evaluate_fits import at_limit, limit, sources
from scipy.stats import norm

from cubefocus.report.figures.pulls import PANELS, REACH, pull_histograms
from cubefocus.report.methods import Method
from cubefocus.settings import EvaluationSettings


def drawn(n_cubes=60, factor=1.0):
    rng = np.random.default_rng(2)
    true = sources(n_cubes, rng)
    return at_limit(true, limit(true, rng), rng, factor), true


def panels(pred, true):
    matches = Method("chain+fit", pred, with_line=True).matches(true, EvaluationSettings())
    figure = pull_histograms(pred, true, matches)
    figure.draw_without_rendering()
    return dict(zip(PANELS, figure.axes, strict=True))


def text(axes):
    return axes.texts[-1].get_text()


def test_right_errors_give_the_unit_normal_which_is_drawn_over_them():
    for axes in panels(*drawn()).values():
        first, *others = text(axes).splitlines()
        assert float(first.split()[1]) == pytest.approx(1.0, abs=0.12)
        assert first.endswith("(300)")
        within_1, within_2 = (float(line.split(": ")[1]) for line in others)
        assert (within_1, within_2) == pytest.approx((0.683, 0.95), abs=0.08)
        (curve,) = axes.lines
        assert curve.get_ydata() == pytest.approx(norm.pdf(curve.get_xdata()))
        outline = axes.patches[-1].get_xy()  # of unit area, but for what lies beyond the panel
        assert np.trapezoid(outline[:, 1], outline[:, 0]) == pytest.approx(1.0, abs=0.02)


def test_what_lies_beyond_the_panel_is_counted():
    pred, true = drawn()
    pred["x"][:7] = true["x"][:7] + 2 * REACH * pred["x_err"][:7]
    axes = panels(pred, true)
    assert text(axes["x"]).endswith("7 beyond")
    assert "beyond" not in text(axes["y"])


def test_nothing_to_draw_is_said():
    pred, true = drawn()
    pred.remove_columns(["x_err", "continuum_mjy"])
    axes = panels(pred, true)
    assert text(axes["x"]) == "no errors stated"
    assert text(axes["continuum_mjy"]) == "not measured"
    assert {text(one) for one in panels(pred[:0], true).values()} == {"no matched sources"}
