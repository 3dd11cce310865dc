"""Flux within an ellipse around a source: the same sum over a true sky, a cleaned image in Jy/arcsec^2, and samples."""

from __future__ import annotations

import numpy as np
from astropy.io import fits

from cubefocus.cube.celestial import pixel_arcsec
from cubefocus.cube.scale import SIGMA_TO_FWHM, gaussian_moments
from cubefocus.errors import CubefocusError

FACTOR = 1.5
"""Diameters of the ellipse in FWHM of the component. An ellipse of f FWHM holds 1 - 2^(-f^2) of a Gaussian: one of 1.5
holds 79 %, and neighbours and what the data do not constrain add little to it. One of 1 has half of the flux alone and
depends on how sharp the image is, one of 2 holds 94 % and reaches into what is next to it."""
STEPS = 5  # along each side of a pixel, at which it is asked whether it is inside


def flux_within(
    samples: np.ndarray,
    header: fits.Header,
    x: float,
    y: float,
    major_arcsec: float,
    minor_arcsec: float,
    pa_deg: float,
    factor: float = FACTOR,
) -> np.ndarray:
    """Flux of images within an ellipse.

    Parameters
    ----------
    samples : ndarray, shape (..., y, x)
        Jy/arcsec^2: samples of a posterior, or a single image such as a true sky.
    header : Header
        Of the image: square pixels, north up and east to the left.
    x, y : float
        Centre of the ellipse, pixels from 0.
    major_arcsec, minor_arcsec : float
        FWHM of the component, arcsec.
    pa_deg : float
        Position angle of its major axis, north through east.
    factor : float
        Diameters of the ellipse in units of the FWHM, see `FACTOR`.

    Returns
    -------
    ndarray, shape (...)
        Jy: one for each sample. Of a pixel on the border the share that is inside counts.

    Raises
    ------
    CubefocusError
        If no pixel of the image is within the ellipse.
    """
    cell = pixel_arcsec(header)
    inside = ellipse(samples.shape[-2:], cell, (x, y), (major_arcsec, minor_arcsec, pa_deg), factor)
    rows, columns = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        raise CubefocusError(f"no pixel of the image is within the ellipse about x {x:g}, y {y:g}; check the component")
    window = np.s_[..., rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return np.asarray((samples[window] * inside[window]).sum(axis=(-2, -1)) * cell**2)


def ellipse(
    shape: tuple[int, ...],
    cell_arcsec: float,
    centre: tuple[float, float],
    axes: tuple[float, float, float],
    factor: float = FACTOR,
) -> np.ndarray:
    """Share of each pixel within an ellipse.

    Parameters
    ----------
    shape : (y, x)
    cell_arcsec : float
    centre : (x, y)
        Pixels from 0.
    axes : (major, minor, pa)
        FWHM in arcsec, position angle in deg, north through east.
    factor : float
        Diameters in units of the FWHM.

    Returns
    -------
    ndarray, shape (y, x)
        0 to 1.
    """
    form = np.linalg.inv(gaussian_moments(*axes)) * (2.0 / (factor * SIGMA_TO_FWHM)) ** 2
    within = (np.arange(STEPS) - 0.5 * (STEPS - 1)) / STEPS
    right, up = (
        (np.arange(side)[:, None] - middle + within).ravel() * cell_arcsec
        for side, middle in zip((shape[1], shape[0]), centre, strict=True)
    )
    offsets = form[0, 0] * right**2 + 2.0 * form[0, 1] * right * up[:, None] + form[1, 1] * up[:, None] ** 2
    return (offsets <= 1.0).reshape(shape[0], STEPS, shape[1], STEPS).mean(axis=(1, 3))
