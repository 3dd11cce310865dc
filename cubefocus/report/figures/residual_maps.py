"""Residuals of Blobs Finder's map beside those of tclean's image (ESO Fig. 23)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from astropy.convolution import Gaussian2DKernel
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from scipy.signal import fftconvolve

from cubefocus.cube.scale import SIGMA_TO_FWHM
from cubefocus.errors import CubefocusError
from cubefocus.report.figures.grid import check_shapes, label_row
from cubefocus.report.figures.style import IMAGES, PAGE, new_figure, nothing, styled
from cubefocus.report.methods import BLOBS, TCLEAN, label_of
from cubefocus.report.run import Run
from cubefocus.report.shown import Shown, rows_of
from cubefocus.stats.noise import noise_of

RESIDUALS = "RdBu_r"  # told apart with every common colour vision, white at 0
SHOWN_CUBES = 2  # two fill a page
EMPTY = 0.01  # a pixel below this share of the brightest one holds no source


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
    check_shapes(panel.title, {"dirty": dirty, "sky": sky, "ours": ours, "clean": clean})
    bare = np.nan_to_num(sky)
    if not bare.max() > 0:
        raise CubefocusError(f"{panel.title}: the sky is empty and nothing can be scaled to it; choose another cube")
    seen = bare
    if panel.primary_beam is not None:
        check_shapes(panel.title, {"sky": sky, "primary beam": panel.primary_beam})
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
    upper = {"dirty image": panel.dirty, label_of(BLOBS): panel.ours, TCLEAN: panel.clean}
    for axis, (title, image) in zip((*axes[0], axes[1, 0]), {**upper, "true sky": panel.sky}.items(), strict=True):
        finite = image[np.isfinite(image)]
        axis.imshow(image, cmap=IMAGES, vmin=finite.min(), vmax=finite.max())
        axis.set_title(title)
    wanted = "sky at clean beam" if panel.beam else "sharp sky"
    titles = (rf"{label_of('blobs_finder')} $-$ sky", rf"{TCLEAN} $-$ {wanted}")
    for axis, values, title in zip(axes[1, 1:], left[:2], titles, strict=True):
        shown = axis.imshow(values, cmap=RESIDUALS, vmin=-limit, vmax=limit)
        everywhere, there = (np.abs(values[part]).mean() for part in (np.isfinite(values), left.sources))
        axis.set_title(title + "\n" + rf"mean $|r|$ {everywhere:.2f}$\sigma$, sources {there:.2f}$\sigma$")
    rows, columns = (np.flatnonzero(np.isfinite(left.ours).any(axis=1 - axis)) for axis in (0, 1))
    for axis in axes.ravel():  # without the margin outside the primary beam
        axis.set(xlim=(columns[0] - 0.5, columns[-1] + 0.5), ylim=(rows[0] - 0.5, rows[-1] + 0.5))
    for row, told in zip(axes, (f"{panel.title}\n", ""), strict=True):
        label_row(row, told)
    for axis in axes[0]:
        axis.tick_params(labelbottom=False)
    return shown


def panels_of(run: Run, shown: Shown) -> list[ResidualPanel]:
    """One panel a shown cube that holds a source; none if there is no such cube.

    Raises
    ------
    CubefocusError
        If the run cleaned no cubes.
    """
    if shown.cleaned is None:
        raise CubefocusError("residual_maps: this run has no cleaned cubes; put tclean among finders.methods")
    return [
        ResidualPanel(
            f"cube {cube}",
            shown.products[cube]["integrated"],
            run.sky[cube],
            shown.products[cube]["probability"],
            shown.cleaned.images[cube],
            shown.cleaned.beams[cube],
            shown.cleaned.primary_beam(cube),
        )
        for cube in [cube for cube in shown.cubes if len(rows_of(run.truth, cube))][:SHOWN_CUBES]
    ]
