"""Dirty image, sky and probability map of single cubes, with boxes (MNRAS Fig. 10-13)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D

from cubefocus.alma.training_products import boxes_of
from cubefocus.report.figures.grid import no_boxes, refuse_none, scaled
from cubefocus.report.figures.style import IMAGES, PAGE, PREDICTED, TRUE, draw_boxes, new_figure, styled
from cubefocus.report.run import Run
from cubefocus.report.shown import Shown, rows_of


@dataclass(frozen=True)
class ImagePanel:
    """One cube: images of shape (y, x) and half-open boxes (x0, y0, x1, y1) of shape (n, 4) in their pixels."""

    title: str
    dirty: np.ndarray
    sky: np.ndarray
    probability: np.ndarray
    true: np.ndarray = field(default_factory=no_boxes)
    predicted: np.ndarray = field(default_factory=no_boxes)


@styled
def image_panels(panels: Sequence[ImagePanel]) -> Figure:
    """Dirty image, sky and probability map of up to five cubes, one a column, with true and predicted boxes.

    Each dirty and sky image is scaled to its own range; the probability map is shown as it is.
    """
    refuse_none(panels)
    size = min(2.0, (PAGE - 0.9) / max(len(panels), 3))
    if len(panels) == 1:  # the three images of a single cube lie side by side
        figure, grid = new_figure(1, 3, PAGE, size + 1.5, sharex=True, sharey=True)
        axes, bars = grid.T, [[grid[0, i]] for i in range(3)]
    else:
        width = size * len(panels) + 1.1
        figure, axes = new_figure(3, len(panels), width, 3 * size + 0.8, sharex="col", sharey="col")
        bars = [list(row) for row in axes]
    for i, (kind, beside) in enumerate(zip(("dirty", "sky", "probability"), bars, strict=True)):
        for j, panel in enumerate(panels):
            shown = _image(axes[i, j], kind, panel)
        label = "probability" if kind == "probability" else f"{kind} image, relative"
        side = "bottom" if len(panels) == 1 else "right"
        figure.colorbar(shown, ax=beside, label=label, location=side, shrink=0.9, aspect=18, pad=0.02)
    for panel, axis in zip(panels, axes[0], strict=True):
        axis.set_title(panel.title)
    for axis in axes.ravel():
        axis.set(xlabel="$x$ (px)", ylabel="$y$ (px)")
        axis.label_outer()
    handles = [Line2D([], [], c=TRUE, label="true box"), Line2D([], [], c=PREDICTED, ls="--", label="predicted box")]
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return figure


def _image(axes: Axes, kind: str, panel: ImagePanel) -> AxesImage:
    image = panel.probability if kind == "probability" else scaled(panel.dirty if kind == "dirty" else panel.sky)
    if kind != "probability":
        draw_boxes(axes, panel.true, TRUE, width=1.3)
    if kind != "dirty":
        draw_boxes(axes, panel.predicted, PREDICTED, (0, (3, 1.5)), width=1.1)
    return axes.imshow(image, cmap=IMAGES, vmin=0, vmax=1)


def panels_of(run: Run, shown: Shown) -> list[ImagePanel]:
    """One panel a shown cube."""
    return [
        ImagePanel(
            f"cube {cube}",
            shown.products[cube]["integrated"],
            run.sky[cube],
            shown.products[cube]["probability"],
            boxes_of(rows_of(run.truth, cube)),
            boxes_of(rows_of(run.catalogue, cube)),
        )
        for cube in shown.cubes
    ]
