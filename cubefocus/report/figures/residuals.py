"""How well each parameter was measured (MNRAS Fig. 20)."""

from __future__ import annotations

import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cubefocus.report.figures.style import (
    BLUE,
    PAGE,
    PLAQUE,
    VERMILION,
    corner_text,
    limits,
    new_figure,
    nothing,
    plus_minus,
    styled,
)
from cubefocus.report.parameters import PARAMETERS, Parameter, pairs
from cubefocus.tables.matching import Matches

LABELS = {
    "x": ("$x$", "px"),
    "y": ("$y$", "px"),
    "sigma_x": (r"$\sigma_x$", "px"),
    "sigma_y": (r"$\sigma_y$", "px"),
    "z": ("$z$", "channels"),
    "extension": (r"$\Delta z$", "channels"),
    "pa": ("pa", "deg"),
    "flux": ("flux", r"mJy beam$^{-1}$"),
}


@styled
def parameter_residuals(pred: Table, true: Table, matches: Matches) -> Figure:
    """True against predicted value and histogram of the residuals, true - predicted (MNRAS Eq. 23), per parameter.

    Parameters
    ----------
    pred, true : astropy.table.Table
        Catalogues.
    matches : Matches
        Their pairs.
    """
    shown = [parameter for parameter in PARAMETERS if parameter.name in LABELS]
    figure, axes = new_figure(4, 4, PAGE, 7.4, height_ratios=(1.3, 1.0, 1.3, 1.0))
    for index, parameter in enumerate(shown):
        row, j = 2 * (index // 4), index % 4
        truth, predicted = pairs(parameter, pred, true, matches)
        use = np.isfinite(truth) & np.isfinite(predicted)
        _scatter(axes[row, j], parameter, truth[use], predicted[use])
        _residuals(axes[row + 1, j], parameter, (truth - predicted)[use])
    for panel_axes in axes[1::2, 0]:
        panel_axes.set_ylabel("sources")
    return figure


def _scatter(axes: Axes, parameter: Parameter, truth: np.ndarray, predicted: np.ndarray) -> None:
    name, unit = LABELS[parameter.name]
    axes.set(xlabel=f"true {name} ({unit})", ylabel=f"predicted {name}")
    if truth.size == 0:
        nothing(axes, "no matched sources")
        return
    ends = limits(truth, predicted)
    size = float(np.clip(2000.0 / truth.size, 1.5, 9.0))
    axes.scatter(truth, predicted, s=size, c=BLUE, lw=0, alpha=0.6, rasterized=True)
    axes.plot(ends, ends, c=VERMILION, ls="--", lw=0.9)
    axes.set(xlim=ends, ylim=ends)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(4))
    axes.ticklabel_format(style="plain", useOffset=False)  # a factor beside the axis would cover its label
    axes.set_box_aspect(1)


def _residuals(axes: Axes, parameter: Parameter, residuals: np.ndarray) -> None:
    name, unit = LABELS[parameter.name]
    axes.set_xlabel(f"residual ({unit})")
    axes.text(0.05, 0.95, name, transform=axes.transAxes, va="top", bbox=PLAQUE)
    if residuals.size == 0:
        nothing(axes, "no matched sources")
        return
    edges = np.linspace(*limits(residuals), int(np.clip(1.5 * np.sqrt(residuals.size), 8, 40)) + 1)
    axes.hist(residuals, edges.tolist(), histtype="stepfilled", fc=BLUE, alpha=0.35)
    axes.hist(residuals, edges.tolist(), histtype="step", ec=BLUE, lw=0.9)
    axes.axvline(0.0, c=VERMILION, ls="--", lw=0.9)
    axes.set_ylim(top=1.35 * axes.get_ylim()[1])
    corner_text(axes, plus_minus(residuals))
    axes.xaxis.set_major_locator(MaxNLocator(4))
