"""How well fluxes were measured, by SNR (MNRAS Fig. 21)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from astropy.table import Table
from matplotlib.figure import Figure

from cubefocus.report.figures.style import BLACK, COLUMN, MARKERS, PALETTE, logarithmic, new_figure, nothing, styled
from cubefocus.report.parameters import FLUX, pairs, relative_error
from cubefocus.tables.columns import column
from cubefocus.tables.matching import Matches


@styled
def flux_error(pred: Table, true: Table, matches: Matches, edges: Sequence[float] = (5.0, 10.0, 20.0)) -> Figure:
    """Relative error of the flux against SNR, its standard deviation in intervals of SNR (MNRAS Fig. 21).

    Parameters
    ----------
    pred, true : astropy.table.Table
        Catalogues; the SNR is the true table's column snr.
    matches : Matches
    edges : sequence of float
        Where the intervals of SNR meet.
    """
    figure, grid = new_figure(1, 1, 1.35 * COLUMN, 3.1)
    axes = grid[0, 0]
    axes.set(xlabel="SNR", ylabel="relative error of the flux")
    truth, predicted = pairs(FLUX, pred, true, matches)
    error = relative_error(truth, predicted)
    snr = column(true, "snr")[matches.true] if matches.tp else np.empty(0)
    use = np.isfinite(error) & np.isfinite(snr) & (snr > 0)
    if not use.any():
        nothing(axes, "no matched sources")
        return figure
    snr, error = snr[use], error[use]
    bounds = [0.0, *edges, np.inf]
    for low, high, colour, marker in zip(bounds[:-1], bounds[1:], PALETTE, MARKERS, strict=False):
        inside = (snr >= low) & (snr < high)
        if inside.any():
            label = f"{_interval(low, high)}: {error[inside].std():.2f} ({int(inside.sum())})"
            axes.scatter(snr[inside], error[inside], s=9, c=colour, marker=marker, lw=0, alpha=0.65, label=label)
    for edge in edges:
        if snr.min() < edge < snr.max():
            axes.axvline(edge, c="0.6", lw=0.7, ls=":")
    axes.axhline(0.0, c=BLACK, lw=0.7)
    logarithmic(axes, "x")
    figure.legend(loc="outside lower center", ncols=2, title="SNR: standard deviation (sources)", title_fontsize=8)
    return figure


def _interval(low: float, high: float) -> str:
    return rf"$\geq {low:g}$" if high == np.inf else (rf"$< {high:g}$" if low == 0 else f"{low:g} to {high:g}")
