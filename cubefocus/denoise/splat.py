"""Images of many Gaussians of any size, none of whose flux is lost."""

from __future__ import annotations

import math

import numpy as np
from scipy import sparse
from scipy.special import ndtr

REACH = 4.5  # standard deviations that a Gaussian goes: 1e-5 of its flux lies outside
CELLS = 1.5  # of the grid that a size is collected on, in a standard deviation
RATIO = math.sqrt(2.0)  # between the sizes that Gaussians are taken to have
SMALLEST = 1.5  # pixels


def splat(x: np.ndarray, y: np.ndarray, flux: np.ndarray, sigma: np.ndarray, n_pixels: int) -> np.ndarray:
    """Sum of round Gaussians in the pixels of a square image.

    Gaussians of about one size are collected on a grid finer than their standard deviation, which is then spread over
    the pixels by the integral of the Gaussian over each.

    Parameters
    ----------
    x, y : ndarray, shape (source,)
        Centres, pixels; 0 is the centre of the first pixel.
    flux : ndarray, shape (source,)
        Integrals.
    sigma : ndarray, shape (source,)
        Standard deviations, pixels; taken as one of a row of sizes `RATIO` apart, from `SMALLEST` on.
    n_pixels : int
        A side.

    Returns
    -------
    ndarray of float64, shape (y, x)
        Flux in each pixel.
    """
    image = np.zeros((n_pixels, n_pixels))
    sigma = np.maximum(sigma, SMALLEST)
    inside = _reaching(x, sigma, n_pixels) & _reaching(y, sigma, n_pixels)
    x, y, flux, sigma = x[inside], y[inside], flux[inside], sigma[inside]
    levels = np.round(np.log(sigma / SMALLEST) / math.log(RATIO)).astype(int)
    for level in np.unique(levels):
        one, width = levels == level, SMALLEST * RATIO ** float(level)
        step = width / CELLS
        low = -RATIO * REACH * width - step - 0.5
        n_cells = math.ceil((n_pixels - 1.0 - 2.0 * low) / step) + 2
        grid = _collected((x[one] - low) / step, (y[one] - low) / step, flux[one], n_cells)
        # To share between cells widens by a sixth of a cell squared, on average.
        spread = _spread(low + step * np.arange(n_cells), math.sqrt(width**2 - step**2 / 6.0), n_pixels)
        image += (spread @ (spread @ grid).T).T
    return image


def _reaching(place: np.ndarray, sigma: np.ndarray, n_pixels: int) -> np.ndarray:
    return (place > -0.5 - REACH * sigma) & (place < n_pixels - 0.5 + REACH * sigma)


def _collected(x: np.ndarray, y: np.ndarray, flux: np.ndarray, n: int) -> np.ndarray:
    """Fluxes shared between the four cells around each place, shape (y, x)."""
    left, below = np.floor(x).astype(int), np.floor(y).astype(int)
    right, above = x - left, y - below
    first = below * n + left
    cells = np.concatenate([first, first + 1, first + n, first + n + 1])
    upper, lower = flux * above, flux * (1.0 - above)
    shares = np.concatenate([lower * (1.0 - right), lower * right, upper * (1.0 - right), upper * right])
    return np.bincount(cells, shares, minlength=n * n).reshape(n, n)


def _spread(centres: np.ndarray, sigma: float, n_pixels: int) -> sparse.csr_array:
    """Share of a Gaussian at each centre that falls into each pixel, shape (pixel, centre)."""
    reach = math.ceil(REACH * sigma) + 1
    pixels = np.round(centres).astype(int)[:, None] + np.arange(-reach, reach + 1)
    offset = pixels - centres[:, None]
    shares = ndtr((offset + 0.5) / sigma) - ndtr((offset - 0.5) / sigma)
    columns = np.broadcast_to(np.arange(len(centres))[:, None], pixels.shape)
    held = (pixels >= 0) & (pixels < n_pixels)
    return sparse.csr_array((shares[held], (pixels[held], columns[held])), shape=(n_pixels, len(centres)))
