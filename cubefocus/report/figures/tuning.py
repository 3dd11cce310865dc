"""How the parameters of the other finders were chosen."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from astropy.table import Table
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cubefocus.report.figures.style import BLACK, LINES, MARKERS, PAGE, new_figure, nothing, styled
from cubefocus.report.methods import label_of
from cubefocus.tables.columns import column

NOT_PARAMETERS = ("tp", "fp", "fn", "precision", "recall", "f1")


@styled
def tuning_curves(scores: Mapping[str, Table]) -> Figure:
    """F1 on the validation cubes against the first parameter of each method, a line for each value of the second.

    Parameters
    ----------
    scores : mapping from method to astropy.table.Table
        As `cubefocus.find.tune.Tuned` has them: a row for each point of the grid, parameters first. Of further
        parameters the best value is taken at each place. The first of the best points, which was chosen, is marked.
    """
    columns = min(2, max(len(scores), 1))
    rows = max(-(-len(scores) // columns), 1)
    figure, axes = new_figure(rows, columns, PAGE, 2.5 * rows, sharey=True)
    panels = axes.ravel()
    for axis, (method, table) in zip(panels, scores.items(), strict=False):
        axis.set_title(label_of(method))
        if len(table):
            _curves(axis, table)
        else:
            axis.text(0.5, 0.5, "not run", transform=axis.transAxes, va="center", ha="center", color="0.4")
    for axis in panels[len(scores) :]:
        axis.set_axis_off()
    if not scores:
        nothing(panels[0], "no other finders")
    panels[0].set_ylim(-0.02, 1.02)
    for axis in axes[:, 0]:
        axis.set_ylabel("F1 on validation cubes")
    return figure


def _curves(axis: Axes, scores: Table) -> None:
    names = [name for name in scores.colnames if name not in NOT_PARAMETERS]
    first, second = column(scores, names[0]), column(scores, names[min(1, len(names) - 1)])
    f1 = np.nan_to_num(column(scores, "f1"))
    values = np.unique(second) if len(names) > 1 else second[:1]
    for number, value in enumerate(values):
        chosen = second == value if len(names) > 1 else np.ones(len(scores), dtype=bool)
        places = np.unique(first[chosen])
        best = [f1[chosen & (first == place)].max() for place in places]
        colour = colormaps["viridis"](0.9 * number / max(len(values) - 1, 1))
        line, marker = LINES[number % len(LINES)], MARKERS[number % len(MARKERS)]
        axis.plot(places, best, c=colour, ls=line, marker=marker, label=f"{value:g}")
    used = int(np.argmax(f1))
    axis.plot(first[used], f1[used], ls="", marker="o", ms=9, mfc="none", mec=BLACK)
    axis.set_xlabel(names[0].replace("_", " "))
    if len(names) > 1:
        axis.legend(title=names[1].replace("_", " "), title_fontsize=8, ncols=2, fontsize=7, columnspacing=0.8)
