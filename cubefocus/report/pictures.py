"""Pictures of a detection: where the sources are, and what their spectra look like."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from cubefocus.alma.searched import Searched
from cubefocus.files import atomic_path

MOST_SPECTRA = 24


def field_figure(searched: Searched) -> Figure:
    """Integrated dirty image and probability map; catalogued sources boxed in red, dropped candidates in grey."""
    figure = Figure(figsize=(11, 5), layout="constrained")
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    images = (
        ("integrated dirty image [Jy/beam x channel]", searched.integrated),
        ("probability", searched.probability),
    )
    for axes, (title, image) in zip(panels, images, strict=True):
        picture = axes.imshow(image, origin="lower", cmap="viridis", interpolation="nearest")
        figure.colorbar(picture, ax=axes, shrink=0.8)
        _boxes(axes, searched)
        axes.set(title=title, xlabel="x [pixel]", ylabel="y [pixel]")
    return figure


def _boxes(axes: Axes, searched: Searched) -> None:
    numbers = {source.key: number for number, source in enumerate(searched.catalogued)}
    for key, (x0, y0, x1, y1) in sorted(searched.boxes.items(), key=lambda one: one[0] in numbers):  # sources on top
        number = numbers.get(key)
        colour = "lightgrey" if number is None else "red"
        corner = (x0 - 0.5, y0 - 0.5)
        axes.add_patch(Rectangle(corner, x1 - x0, y1 - y0, fill=False, edgecolor=colour, linewidth=1.0))
        if number is not None:
            axes.annotate(str(number), (x1, y1), color="red", fontsize=8)


def search_figure(total: np.ndarray, image: np.ndarray, title: str, catalogue: Table) -> Figure:
    """A cube summed over frequency, and another image of it, both with the boxes and numbers of its sources."""
    figure = Figure(figsize=(11, 5), layout="constrained")
    n_y, n_x = total.shape
    images = (("sum over the channels [Jy/beam x channel]", total), (title, image))
    for axes, (label, values) in zip(figure.subplots(1, 2, sharex=True, sharey=True), images, strict=True):
        extent = (-0.5, n_x - 0.5, -0.5, n_y - 0.5)
        picture = axes.imshow(values, origin="lower", cmap="viridis", interpolation="nearest", extent=extent)
        figure.colorbar(picture, ax=axes, shrink=0.8)
        for row in catalogue:
            corner = (row["x0"] - 0.5, row["y0"] - 0.5)
            size = row["x1"] - row["x0"], row["y1"] - row["y0"]
            axes.add_patch(Rectangle(corner, *size, fill=False, edgecolor="red", linewidth=1.0))
            axes.annotate(str(row["source_id"]), (row["x1"], row["y1"]), color="red", fontsize=8)
        axes.set(title=label, xlabel="x [pixel]", ylabel="y [pixel]")
    return figure


def spectra_figure(searched: Searched) -> Figure:
    """Dirty spectrum of each source with its cleaned form and line range; the first 24 sources."""
    chosen, n_channels = searched.catalogued[:MOST_SPECTRA], searched.field.n_channels
    figure = Figure(figsize=(8, 1.8 * max(len(chosen), 1)), layout="constrained")
    panels = figure.subplots(max(len(chosen), 1), 1, sharex=True, squeeze=False)[:, 0]
    if not chosen:
        panels[0].text(0.5, 0.5, "no sources", ha="center", va="center", transform=panels[0].transAxes)
    for number, (axes, source) in enumerate(zip(panels, chosen, strict=False)):
        spectrum = source.cut.spectrum
        low = np.nanmin(spectrum)  # blank channels are NaN
        span = np.nanmax(spectrum) - low
        axes.step(np.arange(n_channels), spectrum, where="mid", color="C0", linewidth=0.8)
        axes.plot(low + span * source.part.peaks.clean, color="C3", linestyle=":", label="cleaned, scaled")
        axes.axvspan(*source.part.line.range, color="C3", alpha=0.15)
        axes.set(ylabel="Jy/beam x pixel", title=f"source {number}", xlim=(-0.5, n_channels - 0.5))
    if chosen:
        panels[0].legend(fontsize=8)
    panels[-1].set_xlabel("channel")
    return figure


def save_figure(figure: Figure, path: str | Path, provenance: Mapping[str, Any]) -> None:
    """Write a figure as PNG with its provenance in the metadata."""
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=110, metadata={"Description": json.dumps(provenance, sort_keys=True)})
