"""What is cut out of a cube: integrated images, spectra, focused images, line images.

The same functions make the training sets (with true parameters) and serve the detection chain (with
predicted ones), so that both see the same thing. Cubes are (channel, y, x). Blank voxels are NaN
(`cubefocus.cube.blanks`): a pixel that holds no data at all, as outside the primary beam cut, counts as no flux; a
voxel that is blank in a pixel with data is never taken as 0, the other channels stand for it.
"""

from __future__ import annotations

import math

import numpy as np
from astropy.modeling import fitting, models

from cubefocus.cube.blanks import fill_spectra
from cubefocus.cube.scale import SIGMA_TO_FWHM

LEAST_SHARE = 0.5
"""Share of a box's pixels that must hold data in a channel for its sum over the box to count as measured."""


def integrate(data: np.ndarray) -> np.ndarray:
    """Sum a cube over its channels.

    Parameters
    ----------
    data : ndarray, shape (channel, y, x)

    Returns
    -------
    ndarray of float32, shape (y, x)
        Unit of the cube times channels, see `channel_sum`; pixels that are NaN in every channel are 0.
    """
    return np.nan_to_num(channel_sum(data)).astype(np.float32)


def channel_sum(data: np.ndarray, n_channels: int | None = None, least_share: float = 0.0) -> np.ndarray:
    """Sum over channels, with the mean of a pixel's other channels in the place of its blank voxels.

    Parameters
    ----------
    data : ndarray, shape (channel, y, x)
    n_channels : int, optional
        Number of channels that a pixel with blank voxels is scaled to; if left out, those that hold data in any pixel:
        to leave a channel out is then the same as never to have observed it.
    least_share : float
        Share of these channels that must hold data in a pixel.

    Returns
    -------
    ndarray of float64, shape (y, x)
        NaN in pixels without (enough) data.
    """
    # A plain sum is three times faster than nansum and differs only in pixels that hold a NaN.
    image = data.sum(axis=0, dtype=np.float64)
    bad = ~np.isfinite(image)
    if not bad.any():
        return image
    if bad.all() and n_channels is None:  # perhaps whole channels are blank
        held = np.array([bool(np.isfinite(plane).any()) for plane in data])
        if not held.all():
            return channel_sum(data[held], None, least_share) if held.any() else np.full(image.shape, np.nan)
    part = np.take(data.reshape(len(data), -1), np.flatnonzero(bad), axis=1)  # five times as fast as a mask of two axes
    finite = np.isfinite(part)
    count, wanted = finite.sum(axis=0), len(data) if n_channels is None else n_channels
    total = np.where(finite, part, 0.0).sum(axis=0, dtype=np.float64)
    enough = (count > 0) & (count >= least_share * wanted)
    image[bad] = np.where(enough, total * wanted / np.maximum(count, 1), np.nan)
    return image


def scale01(images: np.ndarray) -> np.ndarray:
    """Scale each image to [0, 1] by its own minimum and maximum; a constant image becomes 0.

    Parameters
    ----------
    images : ndarray, shape (..., y, x)

    Returns
    -------
    ndarray, same shape
    """
    low = images.min(axis=(-2, -1), keepdims=True)
    span = images.max(axis=(-2, -1), keepdims=True) - low
    return (images - low) / np.where(span > 0, span, 1.0)


def standardise(spectra: np.ndarray) -> np.ndarray:
    """Shift and scale each spectrum to zero mean and unit standard deviation; a constant one becomes 0.

    Parameters
    ----------
    spectra : ndarray, shape (..., channel)

    Returns
    -------
    ndarray, same shape
    """
    centred = spectra - spectra.mean(axis=-1, keepdims=True)
    spread = centred.std(axis=-1, keepdims=True)
    return centred / np.where(spread > 0, spread, 1.0)


def centre_crop(images: np.ndarray, size: int) -> np.ndarray:
    """Take the central ``size`` x ``size`` pixels of images of shape (..., y, x) that are at least as large."""
    y0, x0 = ((extent - size) // 2 for extent in images.shape[-2:])
    return images[..., y0 : y0 + size, x0 : x0 + size]


def channel_slice(z0: float, z1: float, n_channels: int) -> slice:
    """Channels of a line range: those whose centres lie in [z0, z1], clipped to the cube, at least one.

    Parameters
    ----------
    z0, z1 : float
        Line range in channels.
    n_channels : int
        Number of channels of the cube.
    """
    first = min(max(math.ceil(z0), 0), n_channels - 1)
    last = min(max(math.floor(z1), first), n_channels - 1)
    return slice(first, last + 1)


def clip_box(box: np.ndarray, shape: tuple[int, int]) -> tuple[int, int, int, int]:
    """Clip a half-open box (x0, y0, x1, y1) to an image of shape (y, x); an empty box keeps one pixel."""
    x0, y0 = min(max(int(box[0]), 0), shape[1] - 1), min(max(int(box[1]), 0), shape[0] - 1)
    return x0, y0, min(max(int(box[2]), x0 + 1), shape[1]), min(max(int(box[3]), y0 + 1), shape[0])


def box_spectra(data: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Sum a cube over each box, channel by channel.

    Parameters
    ----------
    data : ndarray, shape (channel, y, x)
    boxes : ndarray of int, shape (n, 4)
        Half-open boxes (x0, y0, x1, y1) in pixels.

    Returns
    -------
    ndarray of float32, shape (n, channel)
        In the unit of the cube, summed over pixels. A voxel that is blank in a pixel with data is interpolated along
        the spectrum of its pixel (`fill_spectra`); channels in which fewer than `LEAST_SHARE` of these pixels hold
        data are NaN.
    """
    spectra = np.zeros((len(boxes), data.shape[0]), dtype=np.float32)
    for row, box in enumerate(boxes):
        x0, y0, x1, y1 = clip_box(box, data.shape[1:])
        patch = data[:, y0:y1, x0:x1]
        spectra[row] = np.nan_to_num(patch).sum(axis=(1, 2), dtype=np.float64)
        finite = np.isfinite(patch)
        seen = finite.any(axis=0)
        if (finite != seen).any():
            filled = fill_spectra(patch[:, seen].T).sum(axis=0, dtype=np.float64)
            share = finite.sum(axis=(1, 2)) / seen.sum()
            spectra[row] = np.where(share >= LEAST_SHARE, filled, np.nan)
    return spectra


def cutout(image: np.ndarray, x: float, y: float, size: int) -> np.ndarray:
    """Cut ``size`` x ``size`` pixels around a position; what lies outside the image is 0.

    Parameters
    ----------
    image : ndarray, shape (..., y, x)
    x, y : float
        Centre in pixels, 0-based; the pixel nearest to it lands on index ``size // 2``.
    size : int

    Returns
    -------
    ndarray, shape (..., size, size)
        0 also where the image is NaN.
    """
    return np.nan_to_num(_window(image, x, y, size))


def _window(image: np.ndarray, x: float, y: float, size: int) -> np.ndarray:
    """What `cutout` takes, NaN where there is no data and outside the image."""
    x0, y0 = round(x) - size // 2, round(y) - size // 2
    height, width = image.shape[-2:]
    patch = np.full((*image.shape[:-2], size, size), np.nan, dtype=image.dtype)
    ya, yb, xa, xb = max(y0, 0), min(y0 + size, height), max(x0, 0), min(x0 + size, width)
    if ya < yb and xa < xb:
        patch[..., ya - y0 : yb - y0, xa - x0 : xb - x0] = image[..., ya:yb, xa:xb]
    return patch


def focus(data: np.ndarray, x: float, y: float, z0: float, z1: float, size: int = 64) -> np.ndarray:
    """Focused image: a cut-out around a position summed over the channels of a line (MNRAS 4.4 iii).

    Parameters
    ----------
    data : ndarray, shape (channel, y, x)
    x, y : float
        Centre in pixels, 0-based.
    z0, z1 : float
        Line range in channels.
    size : int
        Side of the image in pixels.

    Returns
    -------
    ndarray of float32, shape (size, size)
        The mean of a pixel's other channels in the line stands for its blank ones.
    """
    channels = channel_slice(z0, z1, data.shape[0])
    return np.nan_to_num(channel_sum(_window(data[channels], x, y, size), _length(channels))).astype(np.float32)


def _length(channels: slice) -> int:
    return int(channels.stop - channels.start)


def continuum_trend(spectrum: np.ndarray, ranges: np.ndarray) -> np.ndarray:
    """Straight line through the channels of a spectrum that hold no line, as a factor of mean 1: f(z) of Eq. 19.

    Parameters
    ----------
    spectrum : ndarray, shape (channel,)
        NaN in blank channels, which are left out.
    ranges : ndarray, shape (n, 2)
        Line ranges in channels that are left out.

    Returns
    -------
    ndarray, shape (channel,)
        1 everywhere when fewer than three channels are free of lines, or when the line's mean is not positive
        (a trend relative to no continuum means nothing).
    """
    channels = np.arange(len(spectrum), dtype=float)
    free = line_free(ranges, len(spectrum)) & np.isfinite(spectrum)
    if free.sum() < 3:
        return np.ones(len(spectrum))
    line = fitting.LinearLSQFitter()(models.Linear1D(), channels[free], spectrum[free].astype(float))(channels)
    mean = line.mean()
    trend = line / mean if mean > 0 else np.ones(len(spectrum))
    # A faint continuum makes the ratio wild: a trend that changes sign inside the band is noise.
    return trend if trend.min() > 0 else np.ones(len(spectrum))


def line_free(ranges: np.ndarray, n_channels: int) -> np.ndarray:
    """Mark the channels outside all line ranges.

    Parameters
    ----------
    ranges : ndarray, shape (n, 2)
    n_channels : int

    Returns
    -------
    ndarray of bool, shape (n_channels,)
    """
    free = np.ones(n_channels, dtype=bool)
    for z0, z1 in np.atleast_2d(ranges):
        free[channel_slice(z0, z1, n_channels)] = False
    return free


def source_mask(size: int, dx: float, dy: float, sigma_x: float, sigma_y: float, pa: float) -> np.ndarray:
    """Ellipse of a source's 2D Gaussian model, half axes one FWHM, in a square cut-out.

    Parameters
    ----------
    size : int
        Side of the cut-out in pixels.
    dx, dy : float
        Offset of the source from index ``size // 2`` in pixels.
    sigma_x, sigma_y : float
        Standard deviations in pixels along the source's own axes.
    pa : float
        Angle of the sigma_x axis from +x, clockwise with y up, in degrees.

    Returns
    -------
    ndarray of bool, shape (size, size)
        The extents match those in frequency, where a line range is its centre +- one FWHM.
    """
    y, x = np.mgrid[:size, :size] - size // 2
    angle = math.radians(pa)
    along = (x - dx) * math.cos(angle) - (y - dy) * math.sin(angle)
    across = (x - dx) * math.sin(angle) + (y - dy) * math.cos(angle)
    return (along / sigma_x) ** 2 + (across / sigma_y) ** 2 <= SIGMA_TO_FWHM**2


def line_image(
    data: np.ndarray,
    position: tuple[float, float],
    line_range: tuple[float, float],
    shape: tuple[float, float, float],
    trend: np.ndarray,
    dilation: float = 1.5,
    size: int = 64,
) -> np.ndarray:
    """Line image of a source: its masked channels less the continuum, summed over its line (MNRAS Eq. 19).

    Parameters
    ----------
    data : ndarray, shape (channel, y, x)
    position : (x, y)
        Pixels, 0-based.
    line_range : (z0, z1)
        Channels.
    shape : (sigma_x, sigma_y, pa)
        Pixels, pixels, degrees.
    trend : ndarray, shape (channel,)
        f(z), as made by `continuum_trend`.
    dilation : float
        Factor on the extents of the 3D model's mask, in the image and in frequency.
    size : int
        Side of the image in pixels.

    Returns
    -------
    ndarray of float32, shape (size, size)
        Zero outside the mask. The continuum image is the mean over the channels with data outside the dilated range;
        a line that fills the band has none, and then nothing is subtracted. In the line the mean of a pixel's other
        channels stands for its blank ones.
    """
    (x, y), (z0, z1) = position, line_range
    n_channels = data.shape[0]
    half, middle = 0.5 * dilation * (z1 - z0), 0.5 * (z0 + z1)
    channels = channel_slice(z0, z1, n_channels)
    patch = _window(data, x, y, size)
    outside = line_free(np.array([[middle - half, middle + half]]), n_channels)
    outside &= np.isfinite(patch).any(axis=(1, 2))
    lines = channel_sum(patch[channels], _length(channels))
    if outside.any():
        # f has mean 1 over the band; over the channels averaged here its mean may differ slightly.
        continuum = channel_sum(patch[outside]) / outside.sum() / trend[outside].mean()
        lines -= trend[channels].sum() * continuum
    mask = source_mask(size, x - round(x), y - round(y), dilation * shape[0], dilation * shape[1], shape[2])
    return np.where(mask, np.nan_to_num(lines), 0.0).astype(np.float32)
