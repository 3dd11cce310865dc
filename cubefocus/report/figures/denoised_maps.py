"""Maps of fields as they are, as they were observed, and denoised by several methods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from cubefocus.denoise.scale import DIFFUSE
from cubefocus.denoise.scores import FIELDS
from cubefocus.report.figures.style import PAGE, styled

BRIGHTEST = dict(zip(FIELDS, (1e-3, 1e-4), strict=True))  # Jy/arcsec^2, end of the scale of each
COLOURS = "inferno"
BARS = (1, 2, 5, 10, 20, 30, 60)  # arcmin
LARGEST_BAR = 0.3  # of the side of a map
Titled = tuple[str, np.ndarray | None]
EMPTY: Titled = ("", None)
SMALLEST = 2.0  # inches, side of a map in which structure is seen; many in a row make the figure wider than a page
ABOVE, BAR = 0.22, 0.55  # inches, of a title, of the colour bar beside the maps


@dataclass(frozen=True, eq=False)
class FieldMaps:
    """Maps of a field.

    Attributes
    ----------
    field : str
        One of `cubefocus.denoise.scores.FIELDS`, which has a scale of its own.
    rows : sequence of sequence of (str, ndarray (y, x) or None)
        Titles and Jy/arcsec^2, as many in each row; None leaves a place empty.
    """

    field: str
    rows: Sequence[Sequence[Titled]]


@styled
def field_maps(fields: Sequence[FieldMaps], cell_arcsec: float) -> Figure:
    """Maps of fields, one field below the other.

    Parameters
    ----------
    fields : sequence of FieldMaps
        One at least, all with as many maps in a row.
    cell_arcsec : float
        Side of a pixel.
    """
    columns = len(fields[0].rows[0])
    side = max((PAGE - BAR) / columns, SMALLEST)
    heights = [len(one.rows) * (side + ABOVE) + ABOVE for one in fields]
    figure = Figure(figsize=(columns * side + BAR, sum(heights)), layout="constrained")
    parts = figure.subfigures(len(fields), 1, squeeze=False, height_ratios=heights).ravel()
    for part, one in zip(parts, fields, strict=True):
        axes = part.subplots(len(one.rows), columns, squeeze=False, subplot_kw={"xticks": [], "yticks": []})
        norm = LogNorm(DIFFUSE, BRIGHTEST[one.field])
        for axis, (title, image) in zip(axes.ravel(), (each for row in one.rows for each in row), strict=True):
            _map(axis, title, image, norm)
        scale_bar(axes[0, 0], one.rows[0][0][1], cell_arcsec)
        part.suptitle(f"{one.field} field", fontsize=10, fontweight="bold")
        bar = part.colorbar(ScalarMappable(norm, COLOURS), ax=axes, fraction=0.03, pad=0.01, extend="both")
        bar.set_label("Jy arcsec$^{-2}$")
    return figure


def _map(axis: Axes, title: str, image: np.ndarray | None, norm: LogNorm) -> None:
    """A map in the logarithm of its flux density; what is fainter than the scale, or negative, is black."""
    if image is None:
        axis.set_axis_off()
        return
    axis.set_title(title, pad=2.5)
    axis.minorticks_off()
    axis.imshow(np.maximum(image, 0.1 * DIFFUSE), norm=norm, cmap=COLOURS)


def scale_bar(axis: Axes, image: np.ndarray | None, cell_arcsec: float) -> None:
    """A bar of a round number of arcmin in the lower left corner of a map."""
    if image is None:
        return
    side = image.shape[1] * cell_arcsec / 60.0
    length = max((one for one in BARS if one <= LARGEST_BAR * side), default=BARS[0])
    outline = [withStroke(linewidth=2.5, foreground="black")]
    left, right = 0.06, 0.06 + length / side
    axis.plot([left, right], [0.06, 0.06], transform=axis.transAxes, color="white", lw=1.5, path_effects=outline)
    axis.text(left, 0.08, f"{length} arcmin", transform=axis.transAxes, color="white", fontsize=7, va="bottom",
              path_effects=outline)  # fmt: skip
