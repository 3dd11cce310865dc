"""Whether stated errors hold: residuals over them, beside the normal distribution that they should follow."""

from __future__ import annotations

import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import norm

from cubefocus.report.accuracy import COVERAGES
from cubefocus.report.figures.residuals import LABELS
from cubefocus.report.figures.style import BLUE, PAGE, PLAQUE, VERMILION, corner_text, new_figure, nothing, styled
from cubefocus.report.parameters import parameter_of, residuals_of
from cubefocus.tables.matching import Matches

REACH = 5.0  # stated errors to either side that a panel shows
PANELS = {
    "x": LABELS["x"][0],
    "y": LABELS["y"][0],
    "z": LABELS["z"][0],
    "sigma_x_nearest": LABELS["sigma_x"][0],
    "sigma_y_nearest": LABELS["sigma_y"][0],
    "extension": LABELS["extension"][0],
    "pa_nearest": LABELS["pa"][0],
    "line_flux_jykms": "line flux",
    "continuum_mjy": "continuum",
}
"""What a panel calls each parameter of `cubefocus.report.parameters.PARAMETERS` that is shown."""


@styled
def pull_histograms(pred: Table, true: Table, matches: Matches) -> Figure:
    """Histogram of (true - predicted) / stated error per parameter, and the unit normal distribution over it.

    Parameters
    ----------
    pred, true : astropy.table.Table
        Catalogues, the first one with the errors that it states; a panel of a parameter without any says so.
    matches : Matches
        Their pairs.
    """
    figure, axes = new_figure(3, 3, PAGE, 5.8, sharex=True, sharey=True)
    for panel, (name, label) in zip(axes.ravel(), PANELS.items(), strict=True):
        panel.text(0.04, 0.95, label, transform=panel.transAxes, va="top", bbox=PLAQUE)
        parameter = parameter_of(name)
        if matches.tp == 0:
            nothing(panel, "no matched sources")
        elif not (parameter.known(pred) and parameter.known(true, is_true=True)):
            nothing(panel, "not measured")
        else:
            _histogram(panel, residuals_of(parameter, pred, true, matches).pulls)
    axes[0, 0].set(xlim=(-REACH, REACH), ylim=(0.0, 0.8))
    for panel in axes[-1]:
        panel.set_xlabel("residual / stated error")
    for panel in axes[:, 0]:
        panel.set_ylabel("density of sources")
    return figure


def _histogram(axes: Axes, pulls: np.ndarray) -> None:
    if pulls.size == 0:
        nothing(axes, "no errors stated")
        return
    edges = np.linspace(-REACH, REACH, int(np.clip(1.5 * np.sqrt(pulls.size), 10, 50)) + 1)
    weights = np.full(pulls.size, 1.0 / (pulls.size * (edges[1] - edges[0])))  # those beyond the panel count, too
    axes.hist(pulls, edges.tolist(), weights=weights, histtype="stepfilled", fc=BLUE, alpha=0.35)
    axes.hist(pulls, edges.tolist(), weights=weights, histtype="step", ec=BLUE, lw=0.9)
    where = np.linspace(-REACH, REACH, 201)
    axes.plot(where, norm.pdf(where), c=VERMILION, ls="--", lw=0.9)
    lines = [f"std {pulls.std():.2f} ({pulls.size})"]
    lines += [f"within {errors:g}: {np.mean(np.abs(pulls) <= errors):.3f}" for errors in COVERAGES.values()]
    beyond = int((np.abs(pulls) > REACH).sum())
    corner_text(axes, "\n".join([*lines, f"{beyond} beyond"] if beyond else lines))
