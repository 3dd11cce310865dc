"""From the Gaussians that a tool fits to the table of every finder."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from astropy.table import Table

from cubefocus.find.interface import COLUMNS, empty_detections
from cubefocus.find.tool import Rows

FWHM_TO_SIGMA = 1.0 / np.sqrt(8.0 * np.log(2.0))


def detections(sources: Sequence[Rows], shape: tuple[int, ...], extent: float) -> Table:
    """Table of sources that consist of one or several Gaussians each.

    Parameters
    ----------
    sources : sequence of lists of dict
        Of each Gaussian: ``x``, ``y`` (px), ``major``, ``minor`` (FWHM, px), ``pa`` (deg, of the major axis from the y
        axis), ``peak`` and ``noise`` (unit of the image).
    shape : (int, int)
        Of the image, (y, x).
    extent : float
        Boxes reach this many standard deviations from the centre of each Gaussian along x and along y.

    Returns
    -------
    astropy.table.Table
        As `cubefocus.find.interface.Finder` says; x and y are weighted by flux. Sources outside the image are left out.
    """
    rows = [row for source in sources if (row := _row(source, shape, extent)) is not None]
    return Table(rows=rows, names=list(COLUMNS)) if rows else empty_detections()


def _row(source: Rows, shape: tuple[int, ...], extent: float) -> tuple[int | float, ...] | None:
    names = ("x", "y", "major", "minor", "pa", "peak", "noise")
    x, y, major, minor, pa, peak, noise = (np.array([gaussian[name] for gaussian in source]) for name in names)
    a, b, angle = FWHM_TO_SIGMA * major, FWHM_TO_SIGMA * minor, np.deg2rad(pa)
    flux = 2.0 * np.pi * a * b * peak
    centre = (x * flux).sum() / flux.sum(), (y * flux).sum() / flux.sum()
    widths = np.hypot(a * np.sin(angle), b * np.cos(angle)), np.hypot(a * np.cos(angle), b * np.sin(angle))
    sides = [_side(at, extent * width, n) for at, width, n in zip((x, y), widths, shape[::-1], strict=True)]
    (x0, x1), (y0, y1) = sides
    if x0 >= x1 or y0 >= y1:
        return None
    brightest = int(np.argmax(peak))
    return x0, y0, x1, y1, *centre, peak[brightest], flux.sum(), peak[brightest] / noise[brightest]


def _side(centres: np.ndarray, reach: np.ndarray, size: int) -> tuple[int, int]:
    """First pixel whose centre is within the reach of any Gaussian, and the one after the last, within the image."""
    first, last = np.ceil((centres - reach).min()), np.floor((centres + reach).max())
    return max(int(first), 0), min(int(last) + 1, size)
