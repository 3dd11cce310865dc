"""How far the detections of each method can be trusted, from the inverted data."""

from __future__ import annotations

import numpy as np
from astropy.table import Table
from matplotlib.figure import Figure

from cubefocus.report.figures.style import (
    BLACK,
    COLUMN,
    logarithmic,
    look,
    method_legend,
    new_figure,
    nothing,
    rate_line,
    styled,
)
from cubefocus.report.methods import label_of


@styled
def fidelity_curves(table: Table, lowest: float = -0.5) -> Figure:
    """Fidelity of each method against SNR, with its interval.

    Parameters
    ----------
    table : astropy.table.Table
        As made by `cubefocus.report.tables.fidelity.fidelity_table`.
    lowest : float
        Lower end of the axis. Where there is noise alone, the fidelity scatters about 0.
    """
    names = list(dict.fromkeys(table["method"].tolist()))
    figure, axes = new_figure(1, 1, 1.5 * COLUMN, 2.9 + 0.18 * len(names))
    panel = axes[0, 0]
    panel.set(xlabel="SNR", ylabel="fidelity, 1 $-$ N(negative) / N(positive)")
    drawn = table[np.isfinite(np.asarray(table["fidelity"], dtype=float))]
    if len(drawn) == 0:
        nothing(panel, "no detections")
        return figure
    for level in (0.0, 1.0):
        panel.axhline(level, c=BLACK, lw=0.6, ls=":")
    for number, name in enumerate(names):
        rows = drawn[drawn["method"] == name]
        middle = np.sqrt(np.asarray(rows["low"]) * np.asarray(rows["high"]))
        ends = rows["fidelity_lo"], rows["fidelity_hi"]
        rate_line(panel, (middle, rows["fidelity"], *ends), look(number), len(names), label_of(name))
    logarithmic(panel, "x")
    panel.set_ylim(lowest, 1.08)
    method_legend(figure, [panel], 2)
    return figure
