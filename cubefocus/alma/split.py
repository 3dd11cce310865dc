"""How the pixels of a thresholded map are shared out to blobs: as they are connected, or by a watershed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.ndimage import find_objects, gaussian_laplace
from skimage.measure import label
from skimage.morphology import local_maxima, reconstruction
from skimage.segmentation import watershed as flood

from cubefocus.settings import BlobSettings

Splitter = Callable[[np.ndarray, np.ndarray, BlobSettings], np.ndarray]


def connected(mask: np.ndarray, probability: np.ndarray, settings: BlobSettings) -> np.ndarray:
    """Number the blobs of 8-connected pixels; blobs that touch are one."""
    return label(mask, connectivity=2)


def watershed(mask: np.ndarray, probability: np.ndarray, settings: BlobSettings) -> np.ndarray:
    """Number the blobs of a mask, split between the prominent maxima of the sharpened map.

    Parameters
    ----------
    mask : ndarray of bool, shape (y, x)
        Pixels that belong to any blob.
    probability : ndarray, shape (y, x)
    settings : BlobSettings
        ``split_smoothing`` and ``split_prominence``.

    Returns
    -------
    ndarray of int, shape (y, x)
        0 outside the mask. A blob with a single maximum keeps all its pixels; pieces of others only those that have a
        counterpart on the other side of the maximum, see `symmetric`.

    Notes
    -----
    Sharpened is the negative Laplacian of the smoothed map. An elliptical Gaussian keeps its single maximum there and
    gets narrower, so that two that overlap to one maximum of the map often have one each. A blob with a flat top and
    a sharp edge is bright at its corners there, and would be split.
    """
    sharp = np.maximum(-gaussian_laplace(probability.astype(float), settings.split_smoothing), 0.0)
    blobs = label(mask, connectivity=2)
    result, count = np.zeros_like(blobs), 0
    for number, window in enumerate(find_objects(blobs), start=1):  # most are small: far less than the whole map
        own = blobs[window] == number
        pieces = _pieces(own, np.where(own, sharp[window], 0.0), settings.split_prominence)
        result[window][own] = np.where(pieces > 0, pieces + count, 0)[own]
        count += int(pieces.max())
    return result


def _pieces(blob: np.ndarray, sharp: np.ndarray, prominence: float) -> np.ndarray:
    markers, count = label(prominent_maxima(sharp, prominence), connectivity=2, return_num=True)
    if count < 2:
        return blob.astype(markers.dtype)
    pieces = flood(-sharp, markers, connectivity=2, mask=blob)
    for number in range(1, count + 1):
        pixels = pieces == number
        centre = np.unravel_index(np.argmax(sharp * pixels), sharp.shape)
        pieces[pixels & ~symmetric(blob, (int(centre[0]), int(centre[1])))] = 0
    return pieces


def prominent_maxima(values: np.ndarray, prominence: float) -> np.ndarray:
    """Mark the maxima that stand out from the way to a higher one.

    Parameters
    ----------
    values : ndarray, shape (y, x)
        Not negative.
    prominence : float
        Least depth, as a share of the maximum, of the valley that parts it from a higher one. A share and not a
        height: the valley beside a faint source is as deep, in its own terms, as that beside a bright one.

    Returns
    -------
    ndarray of bool, shape (y, x)
        The plateaus that lowering all values by that share and growing them back under ``values`` leaves as maxima:
        a maximum that is less prominent is overgrown from its neighbour.
    """
    lowered = reconstruction((1.0 - prominence) * values, values, footprint=np.ones((3, 3)))
    return local_maxima(lowered, connectivity=2) & (values > 0)


def symmetric(mask: np.ndarray, centre: tuple[int, int]) -> np.ndarray:
    """Mark the pixels of a mask whose mirror image about a pixel (y, x) is in the mask too.

    A source is as bright on either side of its centre: where it would be alone on one side and is below the
    threshold there, the light on the other side is a neighbour's.
    """
    kept = np.zeros_like(mask)
    pixels = np.argwhere(mask)
    mirrored = 2 * np.array(centre) - pixels
    inside = ((mirrored >= 0) & (mirrored < mask.shape)).all(axis=1)
    pixels, mirrored = pixels[inside], mirrored[inside]
    kept[tuple(pixels.T)] = mask[tuple(mirrored.T)]
    return kept


SPLITTERS: dict[str, Splitter] = {"none": connected, "watershed": watershed}
"""Ways to tell touching blobs apart, by their name in the settings."""
