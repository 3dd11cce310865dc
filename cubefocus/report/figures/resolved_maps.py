"""Maps of Bayesian imaging: the posterior beside CLEAN and truth (ESO Fig. 9), and how it was learnt (Figs. 6-8)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar
from matplotlib.colors import AsinhNorm, LogNorm, Normalize
from matplotlib.figure import Figure

from cubefocus.report.figures.style import BLUE, PAGE, letter, logarithmic, new_figure, styled
from cubefocus.resolve.posterior import Posterior

BRIGHT, ERROR, SIGNED = "inferno", "viridis", "RdBu_r"
FAINT = 0.01  # of the maximum, below which the scale of brightness is linear
FEW = 3  # samples that are shown of a round
TITLES = tuple(f"sample {number}" for number in range(1, FEW + 1))
DEVIATIONS = 5.0  # end of the scale of differences
UNIT = "Jy arcsec$^{-2}$"


@styled
def resolved_maps(
    posterior: Posterior, truth: np.ndarray | None, tclean: Mapping[str, np.ndarray], cell_arcsec: float
) -> Figure:
    """Mean, relative error, CLEAN, truth, and difference from it in standard deviations.

    Parameters
    ----------
    posterior : Posterior
    truth : ndarray, shape (y, x), or None
        Jy/arcsec^2; None: there is none of real data, and its two panels are left out.
    tclean : mapping of str to ndarray, shape (y, x)
        Title and Jy/arcsec^2 of each, NaN where not imaged.
    cell_arcsec : float
    """
    mean, deviation = posterior.mean, posterior.deviation
    top = float(np.nanmax(mean if truth is None else truth))
    bright = AsinhNorm(linear_width=FAINT * top, vmin=-FAINT * top, vmax=top)
    relative = deviation / np.maximum(np.abs(mean), np.finfo(float).tiny)
    panels: list[tuple[str, np.ndarray, str, Normalize, str]] = [
        ("posterior mean", mean, BRIGHT, bright, UNIT),
        ("relative error", relative, ERROR, LogNorm(0.01, 10.0), "deviation / mean"),
        *((title, image, BRIGHT, bright, UNIT) for title, image in tclean.items()),
    ]
    if truth is not None:
        off = (mean - truth) / deviation
        panels.append(("true sky", truth, BRIGHT, bright, UNIT))
        panels.append(("mean $-$ true", off, SIGNED, Normalize(-DEVIATIONS, DEVIATIONS), "standard deviations"))
    columns = 2 if len(panels) <= 4 else 3
    rows = -(-len(panels) // columns)
    figure, axes = new_figure(rows, columns, PAGE, rows * PAGE / columns * 0.84, sharex=True, sharey=True)
    for number, axis in enumerate(axes.ravel()):
        if number >= len(panels):
            axis.set_axis_off()
            continue
        title, image, colours, norm, label = panels[number]
        shown = axis.imshow(image, cmap=colours, norm=norm, extent=_extent(image.shape, cell_arcsec))
        axis.set_title(title, pad=2.5)
        bar = figure.colorbar(shown, ax=axis, label=label, fraction=0.05, pad=0.02)
        if norm is bright:
            _decades(bar, top)
    _offsets(axes)
    return figure


@styled
def resolved_rounds(rounds: Mapping[int, Posterior], cell_arcsec: float) -> Figure:
    """Samples, mean and power spectra after some rounds, a row each.

    Parameters
    ----------
    rounds : mapping of int to Posterior
        One at least.
    cell_arcsec : float
    """
    columns = FEW + 2
    figure, axes = new_figure(len(rounds), columns, PAGE * 1.25, len(rounds) * PAGE * 1.25 / columns + 0.5)
    top = float(rounds[max(rounds)].mean.max())  # the first rounds overshoot by orders of magnitude
    bright = AsinhNorm(linear_width=FAINT * top, vmin=-FAINT * top, vmax=top)
    spectra = [posterior.power[:, posterior.wavenumbers > 0] for posterior in rounds.values()]
    limits = 0.5 * min(each.min() for each in spectra), 2.0 * max(each.max() for each in spectra)
    shown: Any = None
    last = len(rounds) - 1
    for place, (number, posterior) in enumerate(rounds.items()):
        row = axes[place]
        images = dict(zip(TITLES, posterior.samples, strict=False)) | {"mean": posterior.mean}
        for axis, title in zip(row, (*TITLES, "mean"), strict=False):
            image = images.get(title)
            axis.set_title("" if place else title, pad=2.5)
            if image is None:
                axis.set_axis_off()
                continue
            shown = axis.imshow(image, cmap=BRIGHT, norm=bright, extent=_extent(image.shape, cell_arcsec))
            axis.tick_params(labelbottom=place == last, labelleft=axis is row[0])
        row[0].set_ylabel(f"round {number}")
        _spectra(row[-1], posterior, limits)
        row[-1].tick_params(labelbottom=place == last)
    axes[0, -1].set_title("power spectra", pad=2.5)
    axes[-1, -1].set_xlabel("wavenumber [arcsec$^{-1}$]")
    _decades(figure.colorbar(shown, ax=axes, label=UNIT, location="bottom", shrink=0.5, aspect=40, pad=0.02), top)
    return figure


def _decades(bar: Colorbar, top: float) -> None:
    """Ticks at 0 and at the powers of ten above the linear part of the scale."""
    first, last = math.ceil(math.log10(2.0 * FAINT * top)), math.floor(math.log10(top))
    ticks = [0.0, *(10.0**power for power in range(first, last + 1))]
    bar.set_ticks(ticks, labels=[f"{tick:g}" for tick in ticks])
    bar.ax.minorticks_off()


def _spectra(axis: Axes, posterior: Posterior, limits: tuple[float, float]) -> None:
    """Power spectrum of each sample."""
    known = posterior.wavenumbers > 0
    for power in posterior.power:
        axis.plot(posterior.wavenumbers[known], power[known], color=BLUE, lw=0.6, alpha=0.7)
    axis.set(yscale="log", ylim=limits)
    logarithmic(axis, "x")
    axis.yaxis.tick_right()
    axis.set_box_aspect(1)


def _extent(shape: Sequence[int], cell_arcsec: float) -> tuple[float, float, float, float]:
    """Edges of an image in arcsec to the east and to the north of its phase centre; east is to the left."""
    y, x = shape
    return (
        cell_arcsec * (x // 2 + 0.5), cell_arcsec * (x // 2 + 0.5 - x),
        cell_arcsec * (-0.5 - y // 2), cell_arcsec * (y - y // 2 - 0.5),
    )  # fmt: skip


def _offsets(axes: np.ndarray) -> None:
    """Name the axes of maps at their outer sides, and letter them."""
    for axis in axes[:, 0]:
        axis.set_ylabel("north [arcsec]")
    for axis in axes[-1]:
        axis.set_xlabel("east [arcsec]")
    for number, axis in enumerate(axes.ravel()):
        if axis.axison:
            axis.tick_params(color="0.7", which="both")
            letter(axis, number)
