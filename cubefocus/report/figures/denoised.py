"""Images denoised by several methods beside their sky."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from cubefocus.denoise.metrics import BINS, Correlation, flux_histogram
from cubefocus.denoise.scale import DIFFUSE
from cubefocus.report.figures.style import BLACK, PAGE, look, styled

BRIGHTEST = 1e-4  # Jy/arcsec^2, white in the maps
CURVES = 2.4  # height of the curves, inches


@dataclass(frozen=True, eq=False)
class FieldMaps:
    """A field, and what the methods make of it.

    Attributes
    ----------
    title : str
    images : mapping of str to ndarray, each of shape (y, x)
        By method, Jy/arcsec^2; the sky first, then the observed image.
    correlations : mapping of str to Correlation
        With the sky, by method; that of the sky with itself first.
    """

    title: str
    images: Mapping[str, np.ndarray]
    correlations: Mapping[str, Correlation]


@styled
def denoised_maps(fields: Sequence[FieldMaps]) -> Figure:
    """Maps of each field by each method, and below them their flux densities and correlations with the sky.

    Parameters
    ----------
    fields : sequence of FieldMaps
        One at least, all with the same methods.
    """
    names = list(fields[0].images)
    height = len(fields) * (PAGE / len(names) + 0.25)
    figure = Figure(figsize=(PAGE, height + CURVES), layout="constrained")
    above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=[height, CURVES]).ravel()
    maps = above.subplots(len(fields), len(names), squeeze=False, subplot_kw={"xticks": [], "yticks": []})
    scale = LogNorm(DIFFUSE, BRIGHTEST)
    for row, one in zip(maps, fields, strict=True):
        for axis, name in zip(row, names, strict=True):
            shown = np.maximum(one.images[name], DIFFUSE)
            picture = axis.imshow(shown, norm=scale, origin="lower", cmap="inferno", interpolation="nearest")
            axis.set_title(name if one is fields[0] else "")
        row[0].set_ylabel(one.title)
    above.colorbar(picture, ax=maps, shrink=0.8, label="Jy/arcsec$^2$")
    counts, correlations = below.subplots(1, 2)
    middle = np.sqrt(BINS[1:] * BINS[:-1])
    for number, name in enumerate(names):
        style = look(number - 1) if number else None
        line = {"color": BLACK} if style is None else {"color": style.colour, "linestyle": style.line}
        total = np.sum([flux_histogram(one.images[name]) for one in fields], axis=0)
        counts.step(middle, np.where(total > 0, total, np.nan), where="mid", label=name, **line)
        curve = fields[-1].correlations[name]
        correlations.plot(curve.separation, curve.value, **line)
    counts.set(xscale="log", yscale="log", xlabel="flux density [Jy/arcsec$^2$]", ylabel="pixels")
    correlations.set(xlabel="separation [arcsec]", ylabel=f"correlation with the sky, {fields[-1].title}")
    counts.legend(fontsize=6)
    return figure
