"""Completeness and purity of each method."""

from __future__ import annotations

import numpy as np
from astropy.table import Table
from matplotlib.figure import Figure

from cubefocus.report.figures.style import PAGE, letter, logarithmic, look, method_legend, new_figure, rate_line, styled
from cubefocus.report.methods import label_of


@styled
def completeness_purity(rates: Table) -> Figure:
    """Completeness and purity of each method against SNR and blendness, with their intervals as bands.

    Parameters
    ----------
    rates : astropy.table.Table
        As made by `cubefocus.report.rates.rates_table`.
    """
    figure, axes = new_figure(2, 2, PAGE, 5.0, sharey=True, sharex="col")
    names = list(dict.fromkeys(rates["method"]))
    for i, quantity in enumerate(("completeness", "purity")):
        axes[i, 0].set_ylabel(quantity)
        for j, against in enumerate(("snr", "blendness")):
            letter(axes[i, j], 2 * i + j)
            for number, name in enumerate(names):
                chosen = (rates["method"] == name) & (rates["quantity"] == quantity) & (rates["against"] == against)
                known = rates[chosen & np.isfinite(np.asarray(rates["rate"], dtype=float))]
                if len(known):
                    values = [known[column] for column in ("median", "rate", "rate_lo", "rate_hi")]
                    rate_line(axes[i, j], values, look(number), len(names), label_of(name))
    axes[1, 0].set_xlabel("SNR")
    if (np.asarray(rates["median"], dtype=float)[rates["against"] == "snr"] > 0).any():
        logarithmic(axes[1, 0], "x")
    axes[1, 1].set_xlabel("blendness")
    axes[0, 0].set_ylim(-0.04, 1.16)
    method_legend(figure, axes.ravel(), 4)
    return figure
