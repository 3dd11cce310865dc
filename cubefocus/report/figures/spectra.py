"""Dirty spectra of detected sources with the predicted clean ones and line ranges (MNRAS Fig. 15)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from cubefocus.alma.training_products import ranges_of
from cubefocus.report.figures.grid import refuse_none
from cubefocus.report.figures.style import BLUE, PAGE, TRUE, VERMILION, new_figure, styled
from cubefocus.report.run import Run
from cubefocus.report.shown import Shown, rows_of
from cubefocus.tables.matching import match

SHOWN_SPECTRA = 6


@dataclass(frozen=True)
class SpectrumPanel:
    """One box: its dirty spectrum (Jy/beam), the network's clean one in [0, 1], line ranges (n, 2) in channels."""

    title: str
    dirty: np.ndarray
    clean: np.ndarray
    true: np.ndarray = field(default_factory=lambda: np.empty((0, 2)))
    predicted: np.ndarray = field(default_factory=lambda: np.empty((0, 2)))


@styled
def spectra(panels: Sequence[SpectrumPanel]) -> Figure:
    """Dirty spectra, the predicted clean ones, and true and predicted line ranges, in one or two columns."""
    refuse_none(panels)
    columns = 1 if len(panels) == 1 else 2
    rows = -(-len(panels) // columns)
    figure, axes = new_figure(rows, columns, PAGE, 1.9 * rows + 0.5)
    flat = axes.ravel()
    for panel, left in zip(panels, flat, strict=False):
        _spectrum(panel, left)
    for unused in flat[len(panels) :]:
        unused.set_axis_off()
    handles = [
        Line2D([], [], c=BLUE, label="dirty spectrum"),
        Line2D([], [], c=VERMILION, ls=":", lw=1.6, label="prediction"),
        Patch(fc=TRUE, alpha=0.25, label="true line range"),
        Line2D([], [], c=VERMILION, ls="--", label="predicted line range"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=4)
    return figure


def _spectrum(panel: SpectrumPanel, left: Axes) -> None:
    channels = np.arange(len(panel.dirty))
    for low, high in np.reshape(panel.true, (-1, 2)):
        left.axvspan(low, high, fc=TRUE, alpha=0.22, lw=0)
    left.step(channels, 1e3 * np.asarray(panel.dirty), where="mid", c=BLUE, lw=0.9)
    for edge in np.ravel(panel.predicted):
        left.axvline(edge, c=VERMILION, ls=(0, (4, 2)), lw=0.9)
    left.set(xlabel="channel", ylabel=r"mJy beam$^{-1}$", title=panel.title, xlim=(0, max(len(channels) - 1, 1)))
    left.tick_params(axis="y", right=False, which="both")
    right = left.twinx()
    right.plot(channels, panel.clean, c=VERMILION, ls=":", lw=1.6)
    right.set(ylabel="prediction", ylim=(-0.05, 1.1))


def panels_of(run: Run, shown: Shown) -> list[SpectrumPanel]:
    """The first sources of the shown cubes; one empty panel if nothing was found."""
    panels = []
    for cube in shown.cubes:
        true, found = (rows_of(table, cube) for table in (run.truth, run.catalogue))
        pairs = match(found, true, **run.settings.criterion(with_line=False))
        for number, (row, limits) in enumerate(zip(found, ranges_of(found), strict=True)):
            own = ranges_of(true)[pairs.true[pairs.pred == number]]
            source = int(row["source_id"])
            dirty, clean = (shown.products[cube][f"spectra/{kind}"][source] for kind in ("dirty", "clean"))
            panels.append(SpectrumPanel(f"cube {cube}, source {source}", dirty, clean, own, limits[None]))
    return panels[:SHOWN_SPECTRA] or [SpectrumPanel("no source was found", np.zeros(2), np.zeros(2))]
