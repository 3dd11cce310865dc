"""Blobs of an image of signal-to-noise ratio, flooded from their peaks: BLOBCAT, Hales et al. 2012, MNRAS 425, 979.

Written from the published description. The noise is a map, so that the thresholds follow it over the image; a blob is
all that the flood reaches, touching sources included; a 2D parabola gives its peak; its flux is corrected for the part
of a Gaussian that lies below the flood. The other corrections of the paper do not apply here: nothing was cleaned
(clean bias), channels are narrow (bandwidth smearing), and the peak bias of resolved blobs is corrected for noise that
is correlated over a beam, where here most of it is white: for a standard deviation of 3 px at 20 sigma the parabola is
0.3 sigma too high.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from astropy.table import Table
from scipy import ndimage
from scipy.interpolate import RegularGridInterpolator

from cubefocus.errors import CubefocusError
from cubefocus.find.interface import COLUMNS, EIGHT_CONNECTED, Parameters, empty_detections, numbers
from cubefocus.stats.noise import background

PARAMETERS = {"detection": 8.0, "flooding": 4.0, "mesh": 60}
GRID = {
    "detection": (2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 15.0),
    "flooding": (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0),
}
LEAST_DATA = (
    0.25  # of the pixels of a mesh must hold data; the noise of an emptier one is that of its nearest neighbour
)

# Least-squares parabola a + bx + cy + dxx + eyy + gxy through 3 x 3 pixels, whose values come row by row.
_Y, _X = (axis.ravel().astype(float) for axis in np.mgrid[-1:2, -1:2])
_PARABOLA = np.linalg.pinv(np.column_stack([np.ones(9), _X, _Y, _X**2, _Y**2, _X * _Y]))


def find(image: np.ndarray, parameters: Parameters = PARAMETERS) -> Table:
    """Catalogue the blobs of an image; a `cubefocus.find.interface.Finder`.

    Parameters
    ----------
    image : ndarray, shape (y, x)
    parameters : mapping
        ``detection`` (T_d) and ``flooding`` (T_f): signal-to-noise ratios that the peak of a blob and each of its
        pixels exceed. ``mesh``: side in pixels of the squares in which level and noise are measured; several sources
        wide.

    Returns
    -------
    astropy.table.Table
        One row a blob of 8-connected pixels. Peak is that of the parabola above the local level; flux is corrected as
        `flux_fraction` says.

    Raises
    ------
    CubefocusError
        If T_f is above T_d, or the image has no noise to measure.
    """
    values = numbers("blobcat", parameters, PARAMETERS, {"mesh": 8})
    detection, flooding, mesh = values["detection"], values["flooding"], int(values["mesh"])
    if not allowed(values):
        raise CubefocusError(
            f"blobcat floods down to {flooding:g}, above the detection threshold {detection:g}; lower it"
        )
    valid = np.isfinite(image) & (image != 0)
    if not valid.any():
        return empty_detections()
    signal, noise = _signal_and_noise(image.tobytes(), image.dtype.str, image.shape, mesh)
    return _blobs(signal, noise, detection, flooding)


def allowed(point: Parameters) -> bool:
    """Whether a point of the grid can be used: no blob is flooded down to a level above its peak."""
    return bool(point["flooding"] <= point["detection"])


def flux_fraction(flooding: float, peak: float) -> float:
    """Share of the flux of an elliptical 2D Gaussian that lies where it exceeds the flood.

    A Gaussian of peak A exceeds T on an ellipse, over which its integral is 1 - T / A of the whole, whatever its
    widths; this is the bias that Hales et al. 2012 correct flood-filled fluxes for.
    """
    return 1.0 - flooding / peak


@lru_cache(maxsize=1)
def _signal_and_noise(data: bytes, dtype: str, shape: tuple[int, int], mesh: int) -> tuple[np.ndarray, np.ndarray]:
    """Signal-to-noise ratio and noise of each pixel; kept, as a grid search asks for them again and again."""
    image = np.frombuffer(data, dtype=dtype).reshape(shape)
    level, noise = noise_maps(image, mesh)
    return np.where(np.isfinite(image) & (image != 0), (image - level) / noise, -np.inf), noise


def noise_maps(image: np.ndarray, mesh: int) -> tuple[np.ndarray, np.ndarray]:
    """Local level and noise of an image.

    Parameters
    ----------
    image : ndarray, shape (y, x)
    mesh : int
        Median and scaled median absolute deviation are measured in squares of this side that overlap by half, and
        interpolated linearly between their centres.

    Returns
    -------
    level, noise : ndarray, shape (y, x)

    Raises
    ------
    CubefocusError
        If the image has no noise to measure.
    """
    valid = np.isfinite(image) & (image != 0)
    spans = [_spans(side, mesh) for side in image.shape]
    measured = np.full((2, len(spans[0]), len(spans[1])), np.nan)
    for i, rows in enumerate(spans[0]):
        for j, columns in enumerate(spans[1]):
            pixels = image[rows, columns][valid[rows, columns]]
            if pixels.size >= LEAST_DATA * (rows.stop - rows.start) * (columns.stop - columns.start):
                measured[:, i, j] = background(pixels)
    if np.isnan(measured).all():
        measured[:] = np.reshape(background(image[valid]), (2, 1, 1))
    nearest = ndimage.distance_transform_edt(np.isnan(measured[1]), return_distances=False, return_indices=True)
    measured = measured[:, *nearest]
    if not (measured[1] > 0).all():
        raise CubefocusError("the image has no noise, in units of which blobcat's thresholds are; give a dirty image")
    level, noise = (_interpolate(values, spans, image.shape) for values in measured)
    return level, noise


def _spans(side: int, mesh: int) -> list[slice]:
    """Equal pieces of an axis that overlap by half and cover it; one if it is no longer than that."""
    length = min(mesh, side)
    starts = np.linspace(0, side - length, 1 + -(-2 * (side - length) // length))
    return [slice(int(start), int(start) + length) for start in np.round(starts)]


def _interpolate(values: np.ndarray, spans: list[list[slice]], shape: tuple[int, ...]) -> np.ndarray:
    """Linear between the centres of the meshes, constant outside the outermost ones."""
    centres = [np.array([0.5 * (span.start + span.stop - 1) for span in axis]) for axis in spans]
    for axis, places in enumerate(centres):
        if places.size == 1:  # one mesh says the same everywhere
            values, centres[axis] = np.repeat(values, 2, axis), np.array([places[0], places[0] + 1.0])
    pixels = [np.clip(np.arange(side), place[0], place[-1]) for side, place in zip(shape, centres, strict=True)]
    return RegularGridInterpolator(centres, values)(tuple(np.meshgrid(*pixels, indexing="ij")))


def _blobs(signal: np.ndarray, noise: np.ndarray, detection: float, flooding: float) -> Table:
    labels, number = ndimage.label(signal > flooding, EIGHT_CONNECTED)
    seeds = np.unique(labels[(signal > detection) & (labels > 0)])
    windows = ndimage.find_objects(labels, number)
    rows = [_row(signal, noise, labels, int(label), windows[label - 1], flooding) for label in seeds]
    return Table(rows=rows, names=list(COLUMNS)) if rows else empty_detections()


def _row(
    signal: np.ndarray, noise: np.ndarray, labels: np.ndarray, label: int, window: tuple[slice, slice], flooding: float
) -> tuple[int | float, ...]:
    ratio = np.where(labels[window] == label, signal[window], 0.0)
    top, left = window[0].start, window[1].start
    y, x = np.unravel_index(int(np.argmax(ratio)), ratio.shape)
    snr = parabola_peak(signal, int(y) + top, int(x) + left)
    if snr <= flooding:  # a spike of one pixel, which a parabola through its neighbours does not describe
        snr = float(ratio[y, x])
    brightness = ratio * noise[window]
    total = brightness.sum()
    rows, columns = np.indices(ratio.shape)
    centre = left + (columns * brightness).sum() / total, top + (rows * brightness).sum() / total
    flux = total / flux_fraction(flooding, snr)
    return left, top, window[1].stop, window[0].stop, *centre, snr * noise[y + top, x + left], flux, snr


def parabola_peak(image: np.ndarray, y: int, x: int) -> float:
    """Height of the 2D parabola through the 3 x 3 pixels around the brightest one, by least squares.

    The brightest pixel itself where they are not all there (border, blanked pixels) or do not make a peak within them.
    """
    patch = image[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2]
    brightest = float(image[y, x])
    if patch.shape != (3, 3) or not np.isfinite(patch).all():
        return brightest
    a, b, c, d, e, g = _PARABOLA @ patch.ravel()
    curvature = 4.0 * d * e - g * g
    if not (d < 0 and curvature > 0):
        return brightest
    dx, dy = (g * c - 2.0 * e * b) / curvature, (g * b - 2.0 * d * c) / curvature
    return float(a + 0.5 * (b * dx + c * dy)) if max(abs(dx), abs(dy)) <= 1.0 else brightest
