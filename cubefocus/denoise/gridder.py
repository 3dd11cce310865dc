"""From images to visibilities and back by ducc0 (Arras et al. 2021, A&A 646, A58), w term included.

Images are (y, x) with x to the west, the phase centre at pixel (y // 2, x // 2), of an even number of pixels.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.ndimage import label
from scipy.optimize import least_squares

from cubefocus.denoise.lofar import Tracks, primary_beam
from cubefocus.denoise.optional import load
from cubefocus.errors import CubefocusError
from cubefocus.instrument.response import ARCSEC

EPSILON = 1e-7  # relative error of a visibility or a pixel, rms
PADDING = 1.2  # of the image by which WSClean makes its cells of weights smaller
SMALLEST = 32  # pixels, of ducc0
LOBE_LEVEL = 0.35  # the main lobe of a dirty beam is fitted above this
Beam = tuple[float, float, float]  # FWHM of major and minor axis in arcsec, position angle in deg


def predict(image: np.ndarray, cell_arcsec: float, tracks: Tracks) -> np.ndarray:
    """Visibilities of an image behind the primary beam.

    Parameters
    ----------
    image : ndarray, shape (y, x)
        Jy/pixel.
    cell_arcsec : float
    tracks : Tracks

    Returns
    -------
    ndarray of complex128, shape (row,)
        Jy.

    Raises
    ------
    CubefocusError
        If the image is not finite or of a size that cannot be used, or ducc0 is not installed.
    """
    image = np.asarray(image)
    if image.ndim != 2 or not np.isfinite(image).all():
        raise CubefocusError(
            f"the image to observe has the shape {image.shape} and {np.count_nonzero(~np.isfinite(image))} pixels that "
            "are no numbers; give one of (y, x), 0 where it is empty"
        )
    _check_size(*image.shape)
    apparent = image * primary_beam(tracks, (image.shape[0], image.shape[1]), cell_arcsec)
    visibilities = load("ducc0.wgridder").dirty2vis(
        dirty=np.ascontiguousarray(apparent.T), **_geometry(tracks, cell_arcsec)
    )
    return visibilities[:, 0]


def noise(tracks: Tracks, rms: float, seed: int, weights: np.ndarray | None = None) -> np.ndarray:
    """Thermal noise of visibilities that gives a dirty image of a wanted rms.

    With weights W the noise of an image is sigma sqrt(sum W^2) / sum W, where sigma is that of the real, and of the
    imaginary part of each visibility (Thompson, Moran & Swenson 2017, sect. 6.2).

    Parameters
    ----------
    tracks : Tracks
    rms : float
        Of the dirty image, Jy/beam; 0 is none.
    seed : int
    weights : ndarray, shape (row,), optional
        Of that image; natural ones if not given.

    Returns
    -------
    ndarray of complex128, shape (row,)
        Jy.

    Raises
    ------
    CubefocusError
        If the rms is below 0.
    """
    if not 0 <= rms < math.inf:
        raise CubefocusError(f"the rms of the noise is {rms} Jy/beam; it must be 0 or more")
    sigma = rms * effective_sqrt(tracks, weights)
    rng = np.random.default_rng(seed)
    return sigma * (rng.standard_normal(2 * len(tracks.uvw)).view(np.complex128))


def effective_sqrt(tracks: Tracks, weights: np.ndarray | None = None) -> float:
    """Noise of a visibility over that of the image, sum W / sqrt(sum W^2): the root of the number for natural ones."""
    weights = np.ones(len(tracks.uvw)) if weights is None else weights
    return float(weights.sum() / np.sqrt((weights**2).sum()))


def briggs_weights(tracks: Tracks, size: int, cell_arcsec: float, robust: float = 0.0) -> np.ndarray:
    """Weights of Briggs (1995, PhD thesis, New Mexico Tech), with cells as in WSClean.

    A visibility has 1 / (1 + N f^2) with the number N in its cell of `uv_cells`, where f^2 = (5 x 10^-robust)^2 / (sum
    over cells of N^2 / number of visibilities). Beyond half a turn per pixel there is no cell, and the weight is 0.

    Parameters
    ----------
    tracks : Tracks
    size : int
        Of the image, pixels.
    cell_arcsec : float
    robust : float
        -2 is all but uniform, 2 all but natural.

    Returns
    -------
    ndarray, shape (row,)

    Raises
    ------
    CubefocusError
        If no visibility has a cell.
    """
    _check_size(size, size)
    cell, inside = uv_cells(tracks, size, cell_arcsec)
    if not inside.any():
        raise CubefocusError(
            f"pixels of {cell_arcsec:g} arcsec are too wide for every baseline, down to "
            f"{np.hypot(*tracks.uvw[:, :2].T).min():.0f} m; take smaller ones"
        )
    counts = np.bincount(cell[inside])
    f_squared = (5.0 * 10.0**-robust) ** 2 / ((counts.astype(np.float64) ** 2).sum() / inside.sum())
    weights = np.zeros(len(cell))
    weights[inside] = 1.0 / (1.0 + counts[cell[inside]] * f_squared)
    return weights


def uv_cells(tracks: Tracks, size: int, cell_arcsec: float) -> tuple[np.ndarray, np.ndarray]:
    """Number of the cell of each visibility, and whether it has one; both of shape (row,).

    Cells are squares of 1 / (padded size x cell) wavelengths in the half plane v >= 0, into which all are turned. The
    padded size is that of WSClean, `PADDING` times the image and rounded up to a multiple of 4.
    """
    size = 4 * math.ceil(math.ceil(PADDING * size) / 4)
    u, v = tracks.uvw[:, :2].T * (size * cell_arcsec * ARCSEC / tracks.wavelength_m)
    u, v = np.where(v < 0, -u, u), np.abs(v)
    column, row = np.floor(u + size // 2).astype(np.int64), np.floor(v).astype(np.int64)
    inside = (column >= 0) & (column < size) & (row < size // 2)
    return row * size + column, inside


def dirty(visibilities: np.ndarray, weights: np.ndarray, tracks: Tracks, size: int, cell_arcsec: float) -> np.ndarray:
    """Dirty image, not corrected for the primary beam.

    Parameters
    ----------
    visibilities : ndarray, shape (row,)
        Jy.
    weights : ndarray, shape (row,)
        As of `briggs_weights`; ones for natural weights.
    tracks : Tracks
    size : int
        Pixels along each side.
    cell_arcsec : float

    Returns
    -------
    ndarray of float64, shape (y, x)
        Jy/beam.

    Raises
    ------
    CubefocusError
        If the size or the weights cannot be used, or ducc0 is not installed.
    """
    _check_size(size, size)
    total = float(weights.sum())
    if not 0 < total < math.inf:
        raise CubefocusError(f"the weights of the visibilities add up to {total}; they must be 0 or more, some above")
    image = load("ducc0.wgridder").vis2dirty(
        vis=np.asarray(visibilities, dtype=np.complex128)[:, None],
        wgt=np.asarray(weights, dtype=np.float64)[:, None],
        npix_x=size,
        npix_y=size,
        **_geometry(tracks, cell_arcsec),
    )
    return np.ascontiguousarray(image.T) / total


def psf(weights: np.ndarray, tracks: Tracks, size: int, cell_arcsec: float) -> np.ndarray:
    """Dirty beam, shape (y, x): 1 at pixel (size // 2, size // 2); the parameters are those of `dirty`."""
    return dirty(np.ones(len(weights), dtype=np.complex128), weights, tracks, size, cell_arcsec)


def beam_of(psf: np.ndarray, cell_arcsec: float) -> Beam:
    """Fit a Gaussian of peak 1 to the main lobe of a dirty beam, where it is above `LOBE_LEVEL`, as CASA does.

    The fit of WSClean goes on into the skirt that the many short baselines of LOFAR make: of a dirty beam that is 7.2 x
    5.1 arcsec here it says 9.5 x 5.4 arcsec.

    Parameters
    ----------
    psf : ndarray, shape (y, x)
        With its peak at pixel (y // 2, x // 2).
    cell_arcsec : float

    Returns
    -------
    (major, minor, angle)
        FWHM in arcsec; position angle of the major axis in deg from north to east, 0 to 180.

    Raises
    ------
    CubefocusError
        If the lobe is narrower than can be fitted or reaches an edge of the image.
    """
    centre = psf.shape[0] // 2, psf.shape[1] // 2
    parts, _ = label(psf > LOBE_LEVEL)
    y, x = np.nonzero(parts == parts[centre]) if parts[centre] else (np.empty(0), np.empty(0))
    if len(y) < 5 or min(y.min(), x.min()) == 0 or y.max() == psf.shape[0] - 1 or x.max() == psf.shape[1] - 1:
        raise CubefocusError(
            f"the main lobe of the dirty beam has {len(y)} pixels of {cell_arcsec:g} arcsec, or reaches the edge: no "
            "Gaussian can be fitted; take smaller pixels or a larger image"
        )
    values = psf[y.astype(int), x.astype(int)]
    north, east = (y - centre[0]) * cell_arcsec, (centre[1] - x) * cell_arcsec
    terms = np.stack([north**2, 2.0 * north * east, east**2])
    start = np.linalg.lstsq(terms.T, -np.log(values), rcond=None)[0]
    fitted = least_squares(lambda form: np.exp(-(form @ terms)) - values, start).x
    widths, axes = np.linalg.eigh(np.array([[fitted[0], fitted[1]], [fitted[1], fitted[2]]]))  # the widest axis first
    if not widths[0] > 0:
        raise CubefocusError("the main lobe of the dirty beam does not fall off as a Gaussian; take a larger image")
    major, minor = 2.0 * np.sqrt(math.log(2.0) / widths)
    return float(major), float(minor), float(np.degrees(np.arctan2(axes[1, 0], axes[0, 0])) % 180.0)


def _geometry(tracks: Tracks, cell_arcsec: float) -> dict[str, object]:
    cell = cell_arcsec * ARCSEC
    return {
        "uvw": tracks.uvw,
        "freq": np.array([tracks.frequency_hz]),
        "pixsize_x": cell,
        "pixsize_y": cell,
        "epsilon": EPSILON,
        "do_wgridding": True,
        "divide_by_n": False,  # pixels hold fluxes, as the components of WSClean
        "flip_v": True,  # ducc0 has x to the east and the opposite sign of the phase
        "nthreads": 1,
    }


def _check_size(height: int, width: int) -> None:
    for size in (height, width):
        if size < SMALLEST or size % 2:
            raise CubefocusError(
                f"an image of {width} x {height} pixels; its sides must be even and at least {SMALLEST}"
            )
