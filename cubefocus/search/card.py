"""A picture of each source by itself."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from cubefocus.search.sources import Portrait

TICKS = 5  # of the frequencies, whose labels are long
CONTOURS = (0.1, 0.3, 0.5, 0.7, 0.9)  # of the highest pixel of the fit


def card_figure(portrait: Portrait, title: str) -> Figure:
    """A source by itself: its image with contours of the fit, what the fit leaves there, and its spectrum."""
    figure = Figure(figsize=(12, 3.6), layout="constrained")
    left, middle, right = figure.subplots(1, 3, width_ratios=(1, 1, 1.6))
    first, last = portrait.channels
    x0, y0, x1, y1 = portrait.box
    images = (
        (left, portrait.image, f"sum of channels {first} to {last} [Jy/beam x channel]"),
        (middle, portrait.image - portrait.model, "less the fit"),
    )
    known = portrait.image[np.isfinite(portrait.image)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    for axes, image, label in images:
        picture = axes.imshow(image, origin="lower", cmap="viridis", vmin=low, vmax=high, interpolation="nearest")
        axes.add_patch(Rectangle((x0 - 0.5, y0 - 0.5), x1 - x0, y1 - y0, fill=False, edgecolor="red", linewidth=1.0))
        axes.set_title(label, fontsize=9)
        axes.set(xticks=[], yticks=[])
    figure.colorbar(picture, ax=[left, middle], shrink=0.8)
    if not portrait.is_fitted:
        middle.clear()
        middle.set_axis_off()
        middle.text(0.5, 0.5, "no Gaussian:\nvalues are sums and\nmoments of its voxels", ha="center", va="center",
                    transform=middle.transAxes, fontsize=9)  # fmt: skip
    peak = float(portrait.model.max()) if portrait.model.size else 0.0
    if peak > 0 and portrait.is_fitted:
        left.contour(portrait.model, levels=peak * np.array(CONTOURS), colors="white", linewidths=0.7)
    _spectrum_panel(right, portrait)
    figure.suptitle(title)
    return figure


def _spectrum_panel(axes: Axes, portrait: Portrait) -> None:
    ghz, flux, error, model = (
        np.asarray(portrait.spectrum[name], dtype=float)
        for name in ("frequency", "flux_density", "flux_density_err", "flux_density_model")
    )
    if len(ghz) == 1:
        axes.errorbar(ghz, flux, error, fmt="o", color="C0")
        if portrait.is_fitted:
            axes.plot(ghz, model, "x", color="C3", label="fit")
    else:
        axes.step(ghz, flux, where="mid", color="C0", linewidth=0.9)
        axes.fill_between(ghz, flux - error, flux + error, step="mid", color="C0", alpha=0.25, linewidth=0)
        if portrait.is_fitted:
            axes.plot(ghz, model, color="C3", linewidth=1.0, label="fit")
        ends = ghz[[portrait.channels[0], portrait.channels[1]]]
        axes.axvspan(float(ends.min()), float(ends.max()), color="grey", alpha=0.12, linewidth=0)
    axes.axhline(0.0, color="grey", linewidth=0.5)
    axes.set(xlabel="frequency [GHz]", ylabel="flux density [mJy]")
    axes.xaxis.set_major_locator(MaxNLocator(TICKS))
    if portrait.is_fitted:
        axes.legend(fontsize=8, frameon=False)
