"""Focused images of the sources of a cube (MNRAS Fig. 18)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from cubefocus.alma.training_products import boxes_of
from cubefocus.report.figures.grid import scaled
from cubefocus.report.figures.style import IMAGES, LINES, PAGE, PALETTE, draw_boxes, new_figure, styled
from cubefocus.report.run import Run
from cubefocus.report.shown import Shown, rows_of


@styled
def focused_images(
    integrated: np.ndarray,
    boxes: np.ndarray,
    snr_integrated: Sequence[float],
    focused: Sequence[np.ndarray],
    snr_focused: Sequence[float],
) -> Figure:
    """The integrated dirty image with predicted boxes, and the focused image of each, with their SNR.

    Parameters
    ----------
    integrated : ndarray, shape (y, x)
    boxes : ndarray, shape (n, 4)
    snr_integrated, snr_focused : sequence of n floats
        Global SNR (MNRAS Eq. 17) in the integrated and in the focused image.
    focused : sequence of n ndarrays, shape (64, 64)
    """
    boxes = np.asarray(boxes).reshape(-1, 4)
    columns = 3
    rows = max(2, -(-len(focused) // columns))
    figure, _ = new_figure(1, 1, PAGE, 0.8 + 1.2 * rows)
    figure.clear()
    grid = figure.add_gridspec(rows, 2 * columns)
    left = figure.add_subplot(grid[:, :columns])
    left.imshow(scaled(integrated), cmap=IMAGES)
    left.set(xlabel="$x$ (px)", ylabel="$y$ (px)", title="integrated dirty image")
    handles = []
    for i, (box, patch) in enumerate(zip(boxes, focused, strict=True)):
        colour, line = PALETTE[i % len(PALETTE)], LINES[i // len(PALETTE) % len(LINES)]
        draw_boxes(left, box, colour, line, width=1.3)
        handles.append(Line2D([], [], c=colour, ls=line, label=f"{i + 1}: {snr_integrated[i]:.1f}"))
        right = figure.add_subplot(grid[i // columns, columns + i % columns])
        right.imshow(scaled(patch), cmap=IMAGES)
        right.set(xticks=[], yticks=[], title=f"{i + 1}: SNR {snr_focused[i]:.1f}")
        for spine in right.spines.values():
            spine.set(color=colour, lw=1.6, ls=line)
    if handles:
        figure.legend(
            handles=handles, loc="outside lower center", ncols=6, title="SNR in the integrated image", title_fontsize=8
        )
    return figure


def focused_of(run: Run, shown: Shown) -> Figure:
    """Those of the first shown cube."""
    cube = shown.cubes[0]
    found, products = rows_of(run.catalogue, cube), shown.products[cube]
    return focused_images(
        products["integrated"],
        boxes_of(found),
        np.asarray(found["snr_integrated"]).tolist(),
        list(products.get("focused", np.empty((0, 1, 1)))),
        np.asarray(found["snr_focused"]).tolist(),
    )
