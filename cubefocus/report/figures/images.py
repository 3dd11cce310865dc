"""Pictures of single cubes: boxes on images, spectra and line ranges, focused images (MNRAS Fig. 10-13, 15, 18)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from cubefocus.errors import CubefocusError
from cubefocus.report.figures.style import (
    BLUE,
    IMAGES,
    LINES,
    PAGE,
    PALETTE,
    PREDICTED,
    TRUE,
    VERMILION,
    draw_boxes,
    new_figure,
    styled,
)


def _no_boxes() -> np.ndarray:
    return np.empty((0, 4))


@dataclass(frozen=True)
class ImagePanel:
    """One cube: images of shape (y, x) and half-open boxes (x0, y0, x1, y1) of shape (n, 4) in their pixels."""

    title: str
    dirty: np.ndarray
    sky: np.ndarray
    probability: np.ndarray
    true: np.ndarray = field(default_factory=_no_boxes)
    predicted: np.ndarray = field(default_factory=_no_boxes)


@styled
def image_panels(panels: Sequence[ImagePanel]) -> Figure:
    """Dirty image, sky and probability map of up to five cubes, one a column, with true and predicted boxes.

    Each dirty and sky image is scaled to its own range; the probability map is shown as it is.
    """
    _refuse_none(panels)
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
    image = panel.probability if kind == "probability" else _scaled(panel.dirty if kind == "dirty" else panel.sky)
    if kind != "probability":
        draw_boxes(axes, panel.true, TRUE, width=1.3)
    if kind != "dirty":
        draw_boxes(axes, panel.predicted, PREDICTED, (0, (3, 1.5)), width=1.1)
    return axes.imshow(image, cmap=IMAGES, vmin=0, vmax=1)


def _scaled(image: np.ndarray) -> np.ndarray:
    """An image over its own range; NaN stays NaN and is drawn blank."""
    finite = image[np.isfinite(image)]
    if finite.size == 0 or finite.max() == finite.min():
        return np.zeros_like(image, dtype=float)
    return (image - finite.min()) / (finite.max() - finite.min())


@dataclass(frozen=True)
class SpectrumPanel:
    """One box: its dirty spectrum (Jy/beam), the network's clean one in [0, 1], line ranges (n, 2) in channels."""

    title: str
    dirty: np.ndarray
    clean: np.ndarray
    true: np.ndarray = field(default_factory=lambda: np.empty((0, 2)))
    predicted: np.ndarray = field(default_factory=lambda: np.empty((0, 2)))


@styled
def spectra(panels: Sequence[SpectrumPanel]) -> Figure:
    """Dirty spectra, the predicted clean ones, and true and predicted line ranges, in one or two columns."""
    _refuse_none(panels)
    columns = 1 if len(panels) == 1 else 2
    rows = -(-len(panels) // columns)
    figure, axes = new_figure(rows, columns, PAGE, 1.9 * rows + 0.5)
    flat = axes.ravel()
    for panel, left in zip(panels, flat, strict=False):
        _spectrum(panel, left)
    for unused in flat[len(panels) :]:
        unused.set_axis_off()
    handles = [
        Line2D([], [], c=BLUE, label="dirty spectrum"),
        Line2D([], [], c=VERMILION, ls=":", lw=1.6, label="prediction"),
        Patch(fc=TRUE, alpha=0.25, label="true line range"),
        Line2D([], [], c=VERMILION, ls="--", label="predicted line range"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=4)
    return figure


def _spectrum(panel: SpectrumPanel, left: Axes) -> None:
    channels = np.arange(len(panel.dirty))
    for low, high in np.reshape(panel.true, (-1, 2)):
        left.axvspan(low, high, fc=TRUE, alpha=0.22, lw=0)
    left.step(channels, 1e3 * np.asarray(panel.dirty), where="mid", c=BLUE, lw=0.9)
    for edge in np.ravel(panel.predicted):
        left.axvline(edge, c=VERMILION, ls=(0, (4, 2)), lw=0.9)
    left.set(xlabel="channel", ylabel=r"mJy beam$^{-1}$", title=panel.title, xlim=(0, max(len(channels) - 1, 1)))
    left.tick_params(axis="y", right=False, which="both")
    right = left.twinx()
    right.plot(channels, panel.clean, c=VERMILION, ls=":", lw=1.6)
    right.set(ylabel="prediction", ylim=(-0.05, 1.1))


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
    left.imshow(_scaled(integrated), cmap=IMAGES)
    left.set(xlabel="$x$ (px)", ylabel="$y$ (px)", title="integrated dirty image")
    handles = []
    for i, (box, patch) in enumerate(zip(boxes, focused, strict=True)):
        colour, line = PALETTE[i % len(PALETTE)], LINES[i // len(PALETTE) % len(LINES)]
        draw_boxes(left, box, colour, line, width=1.3)
        handles.append(Line2D([], [], c=colour, ls=line, label=f"{i + 1}: {snr_integrated[i]:.1f}"))
        right = figure.add_subplot(grid[i // columns, columns + i % columns])
        right.imshow(_scaled(patch), cmap=IMAGES)
        right.set(xticks=[], yticks=[], title=f"{i + 1}: SNR {snr_focused[i]:.1f}")
        for spine in right.spines.values():
            spine.set(color=colour, lw=1.6, ls=line)
    if handles:
        figure.legend(
            handles=handles, loc="outside lower center", ncols=6, title="SNR in the integrated image", title_fontsize=8
        )
    return figure


def _refuse_none(panels: Sequence[object]) -> None:
    if not panels:
        raise CubefocusError("no cubes to draw; choose at least one")
