"""Curves of the training."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cubefocus.errors import CubefocusError
from cubefocus.report.figures.style import BLUE, PAGE, VERMILION, logarithmic, new_figure, styled
from cubefocus.report.methods import label_of
from cubefocus.tables.columns import column

PHASES = {"trained": ("-", "o", ""), "finetuned": ("--", "s", ", fine-tuning")}


@styled
def training_curves(curves: Mapping[str, Mapping[str, Table]]) -> Figure:
    """Training and validation loss per epoch of each network, one panel a network.

    Parameters
    ----------
    curves : mapping from network to mapping from phase (``trained``, ``finetuned``) to astropy.table.Table
        Columns epoch, train_loss, valid_loss. The marked point is the best validation loss of a phase.

    Raises
    ------
    CubefocusError
        If there is no curve at all.
    """
    if not curves:
        raise CubefocusError("no training curves to draw; give the CSV file of at least one network")
    columns = min(3, len(curves))
    rows = -(-len(curves) // columns)
    figure, axes = new_figure(rows, columns, PAGE, 2.1 * rows + 0.5)
    for axis, (network, phases) in zip(axes.ravel(), curves.items(), strict=False):
        axis.set(title=label_of(network), xlabel="epoch")
        for phase, table in phases.items():
            _losses(axis, table, phase)
        logarithmic(axis, "y")
    for axis in axes.ravel()[len(curves) :]:
        axis.set_axis_off()
    for axis in axes[:, 0]:
        axis.set_ylabel("loss")
    handles = {t: h for axis in axes.ravel() for h, t in zip(*axis.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=4)
    return figure


def _losses(axis: Axes, table: Table, phase: str) -> None:
    line, marker, text = PHASES.get(phase, ("-.", "^", f", {phase}"))
    epoch, valid = column(table, "epoch"), column(table, "valid_loss")
    axis.plot(epoch, column(table, "train_loss"), c=BLUE, ls=line, label=f"training loss{text}")
    axis.plot(epoch, valid, c=VERMILION, ls=line, label=f"validation loss{text}")
    if np.isfinite(valid).any():
        best = int(np.nanargmin(valid))
        axis.plot(epoch[best], valid[best], c=VERMILION, ls="", marker=marker, ms=4.5)
