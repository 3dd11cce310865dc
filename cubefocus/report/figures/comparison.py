"""Reconstructions side by side: maps of the networks (MNRAS Fig. 17), and residuals beside tclean's (ESO Fig. 23)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from astropy.convolution import Gaussian2DKernel
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from scipy.signal import fftconvolve

from cubefocus.cube.cutouts import SIGMA_TO_FWHM, scale01
from cubefocus.errors import CubefocusError
from cubefocus.report.figures.style import (
    IMAGES,
    PAGE,
    PREDICTED,
    TRUE,
    draw_boxes,
    label_of,
    new_figure,
    nothing,
    styled,
)
from cubefocus.report.tables.similarity import map_similarity
from cubefocus.stats.noise import noise_of

CROP = 128  # px, MNRAS Fig. 17
RESIDUALS = "RdBu_r"  # told apart with every common colour vision, white at 0
EMPTY = 0.01  # a pixel below this share of the brightest one holds no source
DASHES = (0, (3, 1.5))


def _no_boxes() -> np.ndarray:
    return np.empty((0, 4))


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
    true: np.ndarray = field(default_factory=_no_boxes)
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
        _labels(row, f"{panel.title}\n")
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
    _check_shapes(panel.title, {"sky": panel.sky, **panel.maps})


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
        draw_boxes(axes, panel.found.get(name, _no_boxes()), PREDICTED, DASHES, width=1.1)
    rows, columns = window
    extent = (columns.start - 0.5, columns.stop - 0.5, rows.start - 0.5, rows.stop - 0.5)
    shown = axes.imshow(image, cmap=IMAGES, vmin=0, vmax=1, extent=extent)
    axes.set(xlim=extent[:2], ylim=extent[2:])
    return shown


@dataclass(frozen=True)
class ResidualPanel:
    """One cube: its integrated dirty image, what it holds, and two reconstructions of it.

    Attributes
    ----------
    title : str
    dirty : ndarray, shape (y, x)
        Any unit; NaN outside the primary beam, as in all images here.
    sky : ndarray, shape (y, x)
        Any unit, by pixel (not by beam).
    ours : ndarray, shape (y, x)
        Map of Blobs Finder.
    clean : ndarray, shape (y, x)
        Restored image of tclean, not divided by the primary beam.
    beam : (major, minor, pa), optional
        Clean beam: FWHMs in pixels, position angle in degrees from +y towards -x (from north to east). The clean image
        is then compared with the sky at this resolution; without it with the sky as it is, and the figure says so.
    primary_beam : ndarray, shape (y, x), optional
        By which the sky that the clean image is compared with is multiplied. Blobs Finder learns the bare sky.
    noise : float, optional
        Of the dirty image, in its unit; 1.4826 times its median absolute deviation if None.
    """

    title: str
    dirty: np.ndarray
    sky: np.ndarray
    ours: np.ndarray
    clean: np.ndarray
    beam: tuple[float, float, float] | None = None
    primary_beam: np.ndarray | None = None
    noise: float | None = None


class Residuals(NamedTuple):
    """Two reconstructions less the sky, in units of one sigma, and where the sky holds sources; each (y, x)."""

    ours: np.ndarray
    clean: np.ndarray
    sources: np.ndarray


def residuals(panel: ResidualPanel) -> Residuals:
    """Reconstruction less sky of a cube, in units of the noise of its dirty image.

    Each image is first multiplied by the factor, at least 0, that leaves the least squares of its residual where what
    it is compared with is not empty. Sigma is the noise of the dirty image times the dirty image's factor: one number
    for both reconstructions, so that their residuals can be compared.

    Parameters
    ----------
    panel : ResidualPanel

    Returns
    -------
    Residuals
        NaN where any of the images is.

    Raises
    ------
    CubefocusError
        If shapes differ, the beam is none, or there is nothing to compare or to scale by: an empty sky, sources
        outside the images, a dirty image that holds nothing of the sky or has no noise.
    """
    given = (panel.dirty, panel.sky, panel.ours, panel.clean)
    dirty, sky, ours, clean = (np.asarray(image, dtype=float) for image in given)
    _check_shapes(panel.title, {"dirty": dirty, "sky": sky, "ours": ours, "clean": clean})
    bare = np.nan_to_num(sky)
    if not bare.max() > 0:
        raise CubefocusError(f"{panel.title}: the sky is empty and nothing can be scaled to it; choose another cube")
    seen = bare
    if panel.primary_beam is not None:
        _check_shapes(panel.title, {"sky": sky, "primary beam": panel.primary_beam})
        seen = bare * np.nan_to_num(panel.primary_beam)
    smooth = seen if panel.beam is None else at_beam(seen, panel.beam)
    noise = noise_of(dirty, "mad") if panel.noise is None else panel.noise
    sigma = noise * _factor(dirty, smooth)
    if not (math.isfinite(sigma) and sigma > 0):
        raise CubefocusError(
            f"{panel.title}: the dirty image, of noise {noise:g}, gives no sigma on the scale of the sky; choose a "
            "cube whose dirty image shows its sources, or give its noise"
        )
    blank = ~np.isfinite(dirty + sky + ours + clean)
    sources = ~blank & (bare > EMPTY * bare.max())
    if not sources.any():
        raise CubefocusError(f"{panel.title}: no source lies where all images hold data; choose another cube")
    pairs = ((ours, bare), (clean, smooth))
    found = [np.where(blank, np.nan, (_factor(image, wanted) * image - wanted) / sigma) for image, wanted in pairs]
    return Residuals(found[0], found[1], sources)


def _factor(image: np.ndarray, wanted: np.ndarray) -> float:
    """Factor on an image that brings it closest to another one, where that is not empty.

    Over empty pixels too, the noise of the image would pull the factor towards 0.
    """
    use = np.isfinite(image) & (wanted > EMPTY * wanted.max())
    power = float((image[use] ** 2).sum())
    return max(float((image[use] * wanted[use]).sum()) / power, 0.0) if power > 0 else 0.0


def at_beam(image: np.ndarray, beam: tuple[float, float, float]) -> np.ndarray:
    """Image at the resolution of a Gaussian beam, its sum kept but for what leaves the image.

    Parameters
    ----------
    image : ndarray, shape (y, x)
        Without NaN.
    beam : (major, minor, pa)
        FWHMs in pixels; degrees from +y towards -x.

    Raises
    ------
    CubefocusError
        If the beam is none.
    """
    major, minor, angle = beam
    if not (math.isfinite(major) and math.isfinite(angle) and major >= minor > 0):
        raise CubefocusError(
            f"a beam of {major:g} x {minor:g} px at {angle:g} deg is none; give its longer and shorter FWHM and angle"
        )
    kernel = Gaussian2DKernel(major / SIGMA_TO_FWHM, minor / SIGMA_TO_FWHM, theta=math.radians(90.0 + angle))
    kernel.normalize()
    return np.asarray(fftconvolve(image, kernel.array, mode="same"))


@styled
def residual_panels(panels: Sequence[ResidualPanel], limit: float = 5.0) -> Figure:
    """Dirty image, sky, Blobs Finder's map and tclean's image, and below these two their residuals (ESO Fig. 23).

    Parameters
    ----------
    panels : sequence of ResidualPanel
        Two rows each, or none at all. Dirty image, sky and reconstructions are shown over their own ranges.
    limit : float
        End of the colours of the residuals, in sigma, as `residuals` gives them; the same for both methods.

    Returns
    -------
    Figure
        The mean absolute residual stands above each, over the image and over the pixels that hold sources: in an empty
        sky the map of a network is empty, while a clean image keeps the noise.

    Raises
    ------
    CubefocusError
        If there are no cubes, the limit is not above 0, or as `residuals`.
    """
    if not panels:
        figure, axes = new_figure(1, 1, PAGE, 1.5)
        nothing(axes[0, 0])
        return figure
    if not limit > 0:
        raise CubefocusError(f"the colours of the residuals end at {limit:g} sigma; give a number above 0")
    size = 1.95 if len(panels) < 3 else 1.6  # two cubes fill a page
    figure, axes = new_figure(2 * len(panels), 3, 3 * size + 0.85, len(panels) * (2 * size + 0.75) + 0.8)
    figure.set_layout_engine("compressed")
    for row, panel in zip(range(0, len(axes), 2), panels, strict=True):
        shown = _residual_rows(axes[row : row + 2], panel, limit)
    for axis in axes[-1]:
        axis.set_xlabel("$x$ (px)")
    relative = ScalarMappable(Normalize(0, 1), IMAGES)
    figure.colorbar(relative, ax=axes[:, 0], location="bottom", aspect=18, pad=0.02, label="image, relative")
    label = r"residual $r$ ($\sigma$, the noise of the dirty image)"
    figure.colorbar(shown, ax=axes[:, 1:], location="bottom", aspect=36, pad=0.02, label=label, extend="both")
    return figure


def _residual_rows(axes: np.ndarray, panel: ResidualPanel, limit: float) -> AxesImage:
    left = residuals(panel)
    upper = {"dirty image": panel.dirty, label_of("blobs_finder"): panel.ours, "tclean": panel.clean}
    for axis, (title, image) in zip((*axes[0], axes[1, 0]), {**upper, "true sky": panel.sky}.items(), strict=True):
        finite = image[np.isfinite(image)]
        axis.imshow(image, cmap=IMAGES, vmin=finite.min(), vmax=finite.max())
        axis.set_title(title)
    wanted = "sky at clean beam" if panel.beam else "sharp sky"
    titles = (rf"{label_of('blobs_finder')} $-$ sky", rf"tclean $-$ {wanted}")
    for axis, values, title in zip(axes[1, 1:], left[:2], titles, strict=True):
        shown = axis.imshow(values, cmap=RESIDUALS, vmin=-limit, vmax=limit)
        everywhere, there = (np.abs(values[part]).mean() for part in (np.isfinite(values), left.sources))
        axis.set_title(title + "\n" + rf"mean $|r|$ {everywhere:.2f}$\sigma$, sources {there:.2f}$\sigma$")
    rows, columns = (np.flatnonzero(np.isfinite(left.ours).any(axis=1 - axis)) for axis in (0, 1))
    for axis in axes.ravel():  # without the margin outside the primary beam
        axis.set(xlim=(columns[0] - 0.5, columns[-1] + 0.5), ylim=(rows[0] - 0.5, rows[-1] + 0.5))
    for row, told in zip(axes, (f"{panel.title}\n", ""), strict=True):
        _labels(row, told)
    for axis in axes[0]:
        axis.tick_params(labelbottom=False)
    return shown


def _labels(row: np.ndarray, title: str) -> None:
    row[0].set_ylabel(f"{title}$y$ (px)")
    for axis in row[1:]:
        axis.tick_params(labelleft=False)


def _check_shapes(title: str, images: Mapping[str, np.ndarray]) -> None:
    shapes = {name: image.shape for name, image in images.items()}
    if len(set(shapes.values())) > 1 or any(len(shape) != 2 for shape in shapes.values()):
        told = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise CubefocusError(f"{title}: images of different shapes or not (y, x): {told}; give them on one grid")
