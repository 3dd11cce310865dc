"""Visibilities of a small sky at random places of the uv plane, by the Fourier sum: a reference by another route."""

from __future__ import annotations

import numpy as np

from cubefocus.denoise.skyfits import sky_header
from cubefocus.resolve.visibilities import Visibilities, Window

ARCSEC = np.pi / 180.0 / 3600.0
SPEED = 299_792_458.0


def offsets(size: int, cell: float) -> tuple[np.ndarray, np.ndarray]:
    """Offsets to the east and to the north, arcsec, shape (y, x)."""
    y, x = np.mgrid[:size, :size] - size // 2
    return -x * cell, y * cell


def gaussian(size: int, cell: float, peak: float, fwhm: float, east: float, north: float) -> np.ndarray:
    """A round Gaussian, Jy/arcsec^2, shape (y, x)."""
    e, n = offsets(size, cell)
    return peak * np.exp(-4 * np.log(2) * ((e - east) ** 2 + (n - north) ** 2) / fwhm**2)


def observed(
    sky: np.ndarray,
    cell: float,
    rows: int,
    noise: float,
    seed: int,
    frequencies: tuple[float, ...] = (230e9,),
    index: float = 0.0,
    stated: float = 1.0,
) -> Visibilities:
    """Visibilities of a sky with a spectral index, whose weights state a noise of another size than it has."""
    random, windows = np.random.default_rng(seed), []
    size = len(sky)
    east, north = (one.ravel() * ARCSEC for one in offsets(size, cell))
    beam = gaussian(size, cell, 1.0, size * cell, 0.0, 0.0)
    middle = float(np.mean(frequencies))
    for frequency in frequencies:
        # to half of the highest frequency that the grid holds
        uvw = np.zeros((rows, 3))
        uvw[:, :2] = random.normal(0.0, 0.12 / (cell * ARCSEC), (rows, 2)) * SPEED / frequency
        u, v = uvw[:, 0] * frequency / SPEED, uvw[:, 1] * frequency / SPEED
        flux = (sky * beam).ravel() * cell**2 * (frequency / middle) ** index
        seen = np.exp(2j * np.pi * (np.outer(u, east) + np.outer(v, north))) @ flux
        seen = seen + noise * (random.normal(size=rows) + 1j * random.normal(size=rows))
        none = np.zeros(rows, dtype=int)
        weights = np.full(rows, 1.0 / (stated * noise) ** 2)
        windows.append(Window(frequency, seen, weights, uvw, none, none + 1, np.zeros(rows), beam))
    return Visibilities(tuple(windows), sky_header(sky.shape, cell), {"source": "a test"})
