"""What the simulated sources are like: distributions of the truth table (MNRAS Fig. 2 and 3)."""

from __future__ import annotations

import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cubefocus.report.figures.style import (
    BLUE,
    GREEN,
    LINES,
    PAGE,
    PALETTE,
    VERMILION,
    bin_edges,
    corner_text,
    letter,
    logarithmic,
    new_figure,
    nothing,
    plus_minus,
    styled,
)
from cubefocus.tables.columns import column


@styled
def truth_distributions(true: Table) -> Figure:
    """Distributions of SNR, brightness, continuum, position angle, FWHMs and positions.

    Parameters
    ----------
    true : astropy.table.Table
        Columns snr, flux and continuum (Jy/beam unless they say otherwise), pa (deg), fwhm_x, fwhm_y (pixels),
        fwhm_z (channels), x, y (pixels).
    """
    figure, axes = new_figure(2, 3, PAGE, 4.4)
    flat = axes.ravel()
    _fractions(flat[0], column(true, "snr"), "SNR", "")
    brightness = column(true, "flux", "mJy / beam", "Jy / beam")
    _fractions(flat[1], brightness, r"total brightness (mJy beam$^{-1}$)", "")
    continuum = column(true, "continuum", "mJy / beam", "Jy / beam")
    _fractions(flat[2], continuum, r"mean continuum (mJy beam$^{-1}$)", "")
    _fractions(flat[3], column(true, "pa"), "position angle (deg)", r"$^\circ$", allow_log=False)
    _widths(flat[4], true)
    _positions(flat[5], true)
    for index, panel in enumerate(flat):
        letter(panel, index)
    for panel in flat[:5]:
        panel.set_ylim(top=1.3 * panel.get_ylim()[1])
    return figure


def _fractions(axes: Axes, values: np.ndarray, label: str, unit: str, allow_log: bool = True) -> None:
    axes.set(xlabel=label, ylabel="fraction of sources")
    values = values[np.isfinite(values)]
    if values.size == 0:
        nothing(axes)
        return
    edges, log = bin_edges(values, allow_log=allow_log)
    weights = np.full(values.size, 1.0 / values.size)
    axes.hist(values, edges.tolist(), weights=weights, histtype="stepfilled", fc=BLUE, alpha=0.35)
    axes.hist(values, edges.tolist(), weights=weights, histtype="step", ec=BLUE, lw=1.0)
    if log:
        logarithmic(axes, "x")
    corner_text(axes, plus_minus(values) + unit)


def _widths(axes: Axes, true: Table) -> None:
    axes.set(xlabel="FWHM (px, channels)", ylabel="fraction of sources")
    names = {"fwhm_x": "$x$", "fwhm_y": "$y$", "fwhm_z": "$z$"}
    widths = {label: column(true, name) for name, label in names.items()}
    widths = {label: values[np.isfinite(values)] for label, values in widths.items()}
    if not any(values.size for values in widths.values()):
        nothing(axes)
        return
    edges = np.linspace(0.0, max(values.max() for values in widths.values() if values.size), 31)
    for (label, values), colour, line in zip(widths.items(), PALETTE, LINES, strict=False):
        weights = np.full(values.size, 1.0 / max(values.size, 1))
        axes.hist(values, edges.tolist(), weights=weights, histtype="step", ec=colour, ls=line, lw=1.2, label=label)
    axes.legend(loc="upper right", ncols=3, columnspacing=0.9, handlelength=1.6)


def _positions(axes: Axes, true: Table) -> None:
    x, y = column(true, "x"), column(true, "y")
    axes.set(xlabel="$x$ (px)", ylabel="$y$ (px)")
    if x.size == 0:
        nothing(axes)
        return
    central = np.asarray(true["is_central"], dtype=bool) if "is_central" in true.colnames else np.zeros(x.size, bool)
    size = float(np.clip(1500.0 / x.size, 1.0, 8.0))
    axes.scatter(x[~central], y[~central], s=size, c=GREEN, lw=0, alpha=0.7, rasterized=True)
    axes.scatter(x[central], y[central], s=14, c=VERMILION, marker="+", lw=0.9, label="central")
    axes.set_aspect("equal", adjustable="datalim")
    if central.any():
        axes.legend(
            loc="upper right", handletextpad=0.1, borderaxespad=0.2, frameon=True, framealpha=0.8, edgecolor="none"
        )
