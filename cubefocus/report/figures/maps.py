"""Maps of the networks side by side (MNRAS Fig. 17)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D

from cubefocus.alma.training_products import boxes_of
from cubefocus.cube.cutouts import scale01
from cubefocus.errors import CubefocusError
from cubefocus.report.figures.grid import check_shapes, label_row, no_boxes
from cubefocus.report.figures.style import IMAGES, PAGE, PREDICTED, TRUE, draw_boxes, new_figure, styled
from cubefocus.report.methods import label_of
from cubefocus.report.run import Run
from cubefocus.report.shown import Shown, rows_of
from cubefocus.report.similarity import map_similarity

CROP = 128  # px, MNRAS Fig. 17
DASHES = (0, (3, 1.5))


@dataclass(frozen=True)
class MapPanel:
    """One cube: what it holds and the map that each network makes of it.

    Attributes
    ----------
    title : str
    sky : ndarray, shape (y, x)
        Any unit; NaN counts as no flux. It is scaled to [0, 1] over its own range, as the networks' targets are.
    maps : mapping from network to ndarray, shape (y, x)
        In [0, 1]. The first one is drawn left of the sky, the others right of it.
    true : ndarray, shape (n, 4)
        Half-open boxes (x0, y0, x1, y1) in pixels.
    found : mapping from network to ndarray, shape (n, 4)
        Boxes that were extracted from its map; a network that is missing found none.
    """

    title: str
    sky: np.ndarray
    maps: Mapping[str, np.ndarray]
    true: np.ndarray = field(default_factory=no_boxes)
    found: Mapping[str, np.ndarray] = field(default_factory=dict)


@styled
def map_panels(panels: Sequence[MapPanel], crop: int = CROP) -> Figure:
    """Maps of the networks beside the true sky, one cube a row, with true and detected boxes (MNRAS Fig. 17).

    Parameters
    ----------
    panels : sequence of MapPanel
        All with the same networks.
    crop : int
        Side of the part that is shown, in pixels: that with the brightest sources which fit into it together. The SSIM
        above a map compares the part that is shown.

    Returns
    -------
    Figure

    Raises
    ------
    CubefocusError
        If there are no cubes or no maps, networks or shapes differ, or a map is not in [0, 1].
    """
    if not panels:
        raise CubefocusError("no cubes to draw; choose at least one")
    names = list(panels[0].maps)
    for panel in panels:
        _check_maps(panel, names)
    columns: list[str | None] = [names[0], None, *names[1:]]  # None: the sky
    size = (PAGE - 1.7) / max(len(columns), 3)
    figure, axes = new_figure(len(panels), len(columns), size * len(columns) + 1.7, (size + 0.38) * len(panels) + 0.7)
    figure.set_layout_engine("compressed")
    for row, panel in zip(axes, panels, strict=True):
        window = _window(panel, crop)
        for axis, name in zip(row, columns, strict=True):
            shown = _map(axis, panel, name, window)
        label_row(row, f"{panel.title}\n")
    for axis, name in zip(axes[0], columns, strict=True):
        axis.set_title("\n".join(filter(None, (label_of(name) if name else "true sky", axis.get_title()))))
    for axis in axes[-1]:
        axis.set_xlabel("$x$ (px)")
    figure.colorbar(shown, ax=axes, label="map, and sky over its range", shrink=min(1.0, 1.6 / len(panels)), aspect=18)
    handles = [Line2D([], [], c=TRUE, label="true box"), Line2D([], [], c=PREDICTED, ls="--", label="detected box")]
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return figure


def _check_maps(panel: MapPanel, names: Sequence[str]) -> None:
    if not names or set(panel.maps) != set(names):
        raise CubefocusError(
            f"{panel.title} has maps of {_listed(panel.maps)}, the first one of {_listed(names)}; give at least one "
            "network, the same ones everywhere"
        )
    if not set(panel.found) <= set(names):
        raise CubefocusError(f"{panel.title} has boxes of {_listed(panel.found)} but maps of {_listed(names)} only")
    check_shapes(panel.title, {"sky": panel.sky, **panel.maps})


def _listed(names: Sequence[str] | Mapping[str, np.ndarray]) -> str:
    return ", ".join(names) or "no network"


def _window(panel: MapPanel, crop: int) -> tuple[slice, slice]:
    """Rows and columns that are shown: around those sources that together are the brightest and fit in."""
    height, width = panel.sky.shape
    flux = np.nan_to_num(panel.sky)
    boxes = np.asarray(panel.true, dtype=int).reshape(-1, 4)
    own = np.array([flux[max(y0, 0) : y1, max(x0, 0) : x1].sum() for x0, y0, x1, y1 in boxes])
    middle, brightest = np.array([width, height]) / 2.0, -math.inf
    for first in range(len(boxes)):
        low, high, total = boxes[first, :2], boxes[first, 2:], own[first]
        for other in np.argsort(-own, kind="stable"):
            lower, higher = np.minimum(low, boxes[other, :2]), np.maximum(high, boxes[other, 2:])
            if other != first and (higher - lower <= crop).all():
                low, high, total = lower, higher, total + own[other]
        if total > brightest:
            middle, brightest = (low + high) / 2.0, total
    return _around(middle[1], height, crop), _around(middle[0], width, crop)


def _around(centre: float, extent: int, crop: int) -> slice:
    size = min(crop, extent)
    start = min(max(round(centre - size / 2.0), 0), extent - size)
    return slice(start, start + size)


def _map(axes: Axes, panel: MapPanel, name: str | None, window: tuple[slice, slice]) -> AxesImage:
    """Draw the sky (no name) or a network's map; the title is its SSIM."""
    sky = scale01(np.nan_to_num(panel.sky))[window]
    if name is None:
        image = np.where(np.isfinite(panel.sky[window]), sky, np.nan)
    else:
        image = panel.maps[name][window]
        similar = map_similarity(np.nan_to_num(image)[np.newaxis], sky[np.newaxis])
        axes.set_title(f"SSIM {similar.mean_ssim:.3f}")
    draw_boxes(axes, panel.true, TRUE, width=1.2)
    if name is not None:
        draw_boxes(axes, panel.found.get(name, no_boxes()), PREDICTED, DASHES, width=1.1)
    rows, columns = window
    extent = (columns.start - 0.5, columns.stop - 0.5, rows.start - 0.5, rows.stop - 0.5)
    shown = axes.imshow(image, cmap=IMAGES, vmin=0, vmax=1, extent=extent)
    axes.set(xlim=extent[:2], ylim=extent[2:])
    return shown


def panels_of(run: Run, shown: Shown) -> list[MapPanel]:
    """One panel a shown cube, with the maps of all networks."""
    panels = []
    for cube in shown.cubes:
        found = {name: boxes_of(rows_of(table, cube)) for name, table in run.found_in_maps.items()}
        maps = {name: own[cube] for name, own in run.maps.items()}
        panels.append(MapPanel(f"cube {cube}", run.sky[cube], maps, boxes_of(rows_of(run.truth, cube)), found))
    return panels
