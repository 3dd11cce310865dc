"""What was detected and how well it was measured (MNRAS Fig. 16, 20-22), and completeness and purity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cubefocus.report.figures.style import (
    BLACK,
    BLUE,
    COLUMN,
    MARKERS,
    ORANGE,
    PAGE,
    PALETTE,
    PLAQUE,
    VERMILION,
    Look,
    bin_edges,
    corner_text,
    label_of,
    letter,
    limits,
    logarithmic,
    look,
    method_legend,
    new_figure,
    nothing,
    plus_minus,
    rate_line,
    styled,
)
from cubefocus.report.tables.parameters import ELONGATED, FLUX, PARAMETERS, Parameter, axis_ratio, pairs, relative_error
from cubefocus.tables.columns import column
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
FAINT_MJY = 30.0  # MNRAS Fig. 22


@styled
def detected_histograms(true: Table, detected: Mapping[str, np.ndarray]) -> Figure:
    """Flux densities (left) and cumulative blendness (right) of the sources that each method detects.

    Parameters
    ----------
    true : astropy.table.Table
        Columns flux and blendness.
    detected : mapping from method to ndarray of bool, shape (n_true,)
        As `Matches.matched_true`.
    """
    figure, axes = new_figure(1, 2, PAGE, 2.9)
    everything = {"all true sources": np.ones(len(true), dtype=bool), **detected}
    flux, blend = column(true, "flux", FLUX.unit, FLUX.default_unit), column(true, "blendness")
    left, right = axes[0]
    left.set(xlabel=r"flux (mJy beam$^{-1}$)", ylabel="sources")
    right.set(xlabel="blendness", ylabel="sources up to this blendness")
    if len(true) == 0:
        nothing(left)
        nothing(right)
        return figure
    edges, log = bin_edges(flux[np.isfinite(flux)], 30)
    looks = [Look(BLACK, "-", ""), *map(look, range(len(detected)))]
    for (name, chosen), (colour, line, _) in zip(everything.items(), looks, strict=True):
        style = {"histtype": "step", "ec": colour, "ls": line, "lw": 1.2}
        left.hist(flux[chosen & np.isfinite(flux)], edges.tolist(), **style)
        scores = np.sort(blend[chosen & np.isfinite(blend)])
        steps = np.concatenate([[0.0], scores, [max(1.02 * blend.max(), 0.1)]])
        counts = np.concatenate([[0], np.arange(1, scores.size + 1), [scores.size]])
        right.step(steps, counts, where="post", c=colour, ls=line, label=f"{label_of(name)} ({int(chosen.sum())})")
    if log:
        logarithmic(left, "x")
    right.set_ylim(bottom=0)
    method_legend(figure, [right], 3)
    return figure


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
    truth, predicted = pairs(next(p for p in PARAMETERS if p.name == "pa"), pred, true, matches)
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


@styled
def completeness_purity(rates: Table) -> Figure:
    """Completeness and purity of each method against SNR and blendness, with their intervals as bands.

    Parameters
    ----------
    rates : astropy.table.Table
        As made by `cubefocus.report.tables.rates.rates_table`.
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
