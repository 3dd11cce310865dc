"""Which sources each method detects, by flux and blendness (MNRAS Fig. 16)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from astropy.table import Table
from matplotlib.figure import Figure

from cubefocus.report.figures.style import (
    BLACK,
    PAGE,
    Look,
    bin_edges,
    logarithmic,
    look,
    method_legend,
    new_figure,
    nothing,
    styled,
)
from cubefocus.report.methods import label_of
from cubefocus.report.parameters import FLUX
from cubefocus.tables.columns import column


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
