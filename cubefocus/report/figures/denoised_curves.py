"""What methods to denoise do to flux densities and shapes, and what they see: a row of panels for each dataset."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cubefocus.denoise.methods import SKY, label_of
from cubefocus.denoise.metrics import BINS, SNR_BINS
from cubefocus.denoise.scores import (
    FIELDS,
    SEPARATION,
    found_by_snr,
    middle_of_snr,
    named,
    of,
    reference_fields,
    separations,
)
from cubefocus.report.figures.style import BLACK, PAGE, Look, corner_text, look, method_legend, new_figure, styled

ROW, LEGEND = 1.75, 0.7  # heights, inches
FAINTEST = 0.5  # pixels, below which a histogram is not drawn


def looks(scores: Table) -> dict[str, Look]:
    """Colour, line and marker of each method, the same in all figures and for all datasets; the sky is black."""
    methods = [method for method in named(scores, "method") if method != SKY]
    return {SKY: Look(BLACK, "-", "")} | {method: look(number) for number, method in enumerate(methods)}


def _panels(scores: Table, **options: Any) -> tuple[Figure, np.ndarray, list[str]]:
    """A figure of two panels for each dataset, with its name."""
    datasets = named(scores, "dataset")
    figure, panels = new_figure(len(datasets), 2, PAGE, ROW * len(datasets) + LEGEND, **options)
    return figure, panels, datasets


@styled
def histograms(scores: Table) -> Figure:
    """Flux densities of all test images by each method, and the discrepancy from the sky's (GV22 Figs. 2, 5, 12).

    Parameters
    ----------
    scores : Table
        As `cubefocus.denoise.scores.read_scores` reads them.
    """
    figure, panels, datasets = _panels(scores, sharex="col", gridspec_kw={"width_ratios": (1.6, 1.0)})
    for (counts, bars), dataset in zip(panels, datasets, strict=True):
        _histogram(counts, bars, of(scores, dataset=dataset), looks(scores))
        corner_text(counts, f"{dataset} images")
    panels[-1, 0].set_xlabel("flux density [Jy arcsec$^{-2}$]")
    panels[-1, 1].set_xlabel("discrepancy / number of pixels")
    method_legend(figure, panels[:, 0], 3)
    return figure


def _histogram(counts: Axes, bars: Axes, some: Table, styles: dict[str, Look]) -> None:
    middle = np.sqrt(BINS[1:] * BINS[:-1])
    methods = named(some, "method")
    for method in methods:
        total = np.asarray(of(some, method=method)["histogram"]).sum(axis=0)
        style = styles[method]
        counts.step(middle, np.where(total > FAINTEST, total, np.nan), where="mid", color=style.colour,
                    linestyle=style.line, label=label_of(method), zorder=3 if method == SKY else 2)  # fmt: skip
    counts.set(xscale="log", yscale="log", ylabel="pixels")
    compared = methods[::-1][: -1 if methods[0] == SKY else None]
    means = [float(np.mean(of(some, method=method)["discrepancy"])) for method in compared]
    places = np.arange(len(compared))
    bars.barh(places, means, color=[styles[method].colour for method in compared], height=0.7)
    for place, mean in zip(places, means, strict=True):
        bars.annotate(f"{mean:.3f}", (mean, place), (3, 0), textcoords="offset points", va="center", fontsize=7)
    bars.set_xmargin(0.2)
    bars.set_yticks(places, ["" for _ in compared])
    bars.tick_params(axis="y", which="both", left=False, right=False)


@styled
def correlations(scores: Table) -> Figure:
    """Cross-correlation with the sky against separation in both reference fields (GV22 Figs. 9 and 13)."""
    figure, panels, datasets = _panels(scores, sharex=True, sharey=True)
    distance, styles, numbers = separations(scores), looks(scores), reference_fields(scores)
    for row, dataset in zip(panels, datasets, strict=True):
        for axes, field in zip(row, FIELDS, strict=True):
            some = of(scores, dataset=dataset, image=numbers[field])
            for method in named(some, "method"):
                style = styles[method]
                axes.plot(distance, np.asarray(of(some, method=method)["correlations"])[0], color=style.colour,
                          linestyle=style.line, label=label_of(method), zorder=3 if method == SKY else 2)  # fmt: skip
            axes.axvline(SEPARATION, color="0.6", lw=0.7, ls=":")
            corner_text(axes, f"{dataset} image, {field} field")
        row[0].set_ylabel("correlation with the sky")
    for axes in panels[-1]:
        axes.set(xlabel="separation [arcsec]", xlim=(0.0, distance[-1]))
    method_legend(figure, panels.ravel(), 3)
    return figure


@styled
def seen(scores: Table) -> Figure:
    """Completeness and purity of the emission that each method sees, over all test images, against S/N."""
    figure, panels, datasets = _panels(scores, sharex=True, sharey=True)
    styles, middle = looks(scores), middle_of_snr()
    for row, dataset in zip(panels, datasets, strict=True):
        some = of(scores, dataset=dataset)
        for method in named(some, "method"):
            if method != SKY:
                style, found = styles[method], found_by_snr(of(some, method=method))
                for axes, name in zip(row, ("completeness", "purity"), strict=True):
                    axes.plot(middle, found[name], color=style.colour, linestyle=style.line, marker=style.marker,
                              label=label_of(method))  # fmt: skip
        row[0].set_ylabel(f"completeness, {dataset}")
        row[1].set_ylabel(f"purity, {dataset}")
    panels[0, 0].set(xscale="log", xlim=(SNR_BINS[0], SNR_BINS[-1]), ylim=(-0.03, 1.03))
    for axes, what in zip(panels[-1], ("sky", "denoised image"), strict=True):
        axes.set_xlabel(f"S/N of the {what}")
    method_legend(figure, panels.ravel(), 3)
    return figure
