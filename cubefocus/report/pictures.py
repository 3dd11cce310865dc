"""Pictures of a detection: where the sources are, and what their spectra look like."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from cubefocus.alma.candidate import Field
from cubefocus.alma.catalogue import sources
from cubefocus.files import atomic_path

MOST_SPECTRA = 24


def field_figure(field: Field) -> Figure:
    """Integrated dirty image and probability map; catalogued sources boxed in red, dropped candidates in grey."""
    figure = Figure(figsize=(11, 5), layout="constrained")
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    images = (("integrated dirty image [Jy/beam x channel]", field.integrated), ("probability", field.probability))
    for axes, (title, image) in zip(panels, images, strict=True):
        assert image is not None
        picture = axes.imshow(image, origin="lower", cmap="viridis", interpolation="nearest")
        figure.colorbar(picture, ax=axes, shrink=0.8)
        _boxes(axes, field)
        axes.set(title=title, xlabel="x [pixel]", ylabel="y [pixel]")
    return figure


def _boxes(axes: Axes, field: Field) -> None:
    numbers = {id(candidate): number for number, candidate in enumerate(sources(field))}
    for candidate in sorted(field.candidates, key=lambda one: id(one) in numbers):  # sources last, on top
        x0, y0, x1, y1 = candidate.box
        number = numbers.get(id(candidate))
        colour = "lightgrey" if number is None else "red"
        corner = (x0 - 0.5, y0 - 0.5)
        axes.add_patch(Rectangle(corner, x1 - x0, y1 - y0, fill=False, edgecolor=colour, linewidth=1.0))
        if number is not None:
            axes.annotate(str(number), (x1, y1), color="red", fontsize=8)


def spectra_figure(field: Field) -> Figure:
    """Dirty spectrum of each source with its cleaned form and line range; the first 24 sources."""
    chosen = sources(field)[:MOST_SPECTRA]
    figure = Figure(figsize=(8, 1.8 * max(len(chosen), 1)), layout="constrained")
    panels = figure.subplots(max(len(chosen), 1), 1, sharex=True, squeeze=False)[:, 0]
    if not chosen:
        panels[0].text(0.5, 0.5, "no sources", ha="center", va="center", transform=panels[0].transAxes)
    for number, (axes, candidate) in enumerate(zip(panels, chosen, strict=False)):
        assert candidate.spectrum is not None
        assert candidate.clean is not None
        assert candidate.line is not None
        low = np.nanmin(candidate.spectrum)  # blank channels are NaN
        span = np.nanmax(candidate.spectrum) - low
        axes.step(np.arange(field.n_channels), candidate.spectrum, where="mid", color="C0", linewidth=0.8)
        axes.plot(low + span * candidate.clean, color="C3", linestyle=":", label="cleaned, scaled")
        axes.axvspan(*candidate.line.range, color="C3", alpha=0.15)
        axes.set(ylabel="Jy/beam x pixel", title=f"source {number}", xlim=(-0.5, field.n_channels - 0.5))
    if chosen:
        panels[0].legend(fontsize=8)
    panels[-1].set_xlabel("channel")
    return figure


def save_figure(figure: Figure, path: str | Path, provenance: Mapping[str, Any]) -> None:
    """Write a figure as PNG with its provenance in the metadata."""
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=110, metadata={"Description": json.dumps(provenance, sort_keys=True)})
