"""How well position angles were measured, by axis ratio (MNRAS Fig. 22)."""

from __future__ import annotations

import numpy as np
from astropy.table import Table
from matplotlib.figure import Figure

from cubefocus.report.figures.style import BLUE, COLUMN, ORANGE, VERMILION, new_figure, nothing, styled
from cubefocus.report.parameters import ELONGATED, FLUX, axis_ratio, pairs, parameter_of
from cubefocus.tables.matching import Matches

FAINT_MJY = 30.0  # MNRAS Fig. 22


@styled
def pa_error(pred: Table, true: Table, matches: Matches) -> Figure:
    """Absolute error of the position angle against the axis ratio (MNRAS Fig. 22).

    Parameters
    ----------
    pred, true : astropy.table.Table
        Catalogues.
    matches : Matches
    """
    figure, grid = new_figure(1, 1, 1.35 * COLUMN, 3.1)
    axes = grid[0, 0]
    axes.set(xlabel=r"true axis ratio, longer over shorter $\sigma$", ylabel="|true $-$ predicted pa| (deg)")
    truth, predicted = pairs(parameter_of("pa"), pred, true, matches)
    flux, _ = pairs(FLUX, pred, true, matches)
    ratio = axis_ratio(true)[matches.true] if matches.tp else np.empty(0)
    error = np.abs(truth - predicted)
    use = np.isfinite(error) & np.isfinite(ratio)
    if not use.any():
        nothing(axes, "no matched sources")
        return figure
    round_, faint = use & (ratio <= ELONGATED), use & (ratio > ELONGATED) & (flux < FAINT_MJY)
    groups = {
        f"axis ratio $\\leq$ {ELONGATED:g}": (round_, ORANGE, "o"),
        "all others": (use & ~round_ & ~faint, BLUE, "s"),
        rf"axis ratio $>$ {ELONGATED:g}, flux $<$ {FAINT_MJY:g} mJy beam$^{{-1}}$": (faint, VERMILION, "^"),
    }
    for label, (chosen, colour, marker) in groups.items():
        text = f"{label} ({int(chosen.sum())})"
        axes.scatter(ratio[chosen], error[chosen], s=9, c=colour, marker=marker, lw=0, alpha=0.65, label=text)
    axes.axvline(ELONGATED, c="0.6", lw=0.7, ls=":")
    axes.set_ylim(bottom=-1.0)
    figure.legend(loc="outside lower center", ncols=1)
    return figure
