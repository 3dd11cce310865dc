"""Images of the sky as FITS files: a user's own, and those that are made here."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.io.fits.verify import VerifyWarning
from astropy.wcs.utils import proj_plane_pixel_scales

from cubefocus.cube.celestial import celestial_wcs
from cubefocus.cube.units import read_unit
from cubefocus.cube.writing import write_cube
from cubefocus.errors import CubefocusError
from cubefocus.files import refuse_missing
from cubefocus.provenance import provenance

UNIT = "Jy/arcsec2"
ROUNDING = 1e-6  # of the highest value: what is less than that below 0 is taken for 0
SAME_CELL = 1e-3  # by how much the cell of a file may differ
CENTRE = (180.0, 45.0)  # deg, right ascension and declination of skies that are nowhere: high up for LOFAR


def sky_header(
    shape: tuple[int, ...], cell_arcsec: float, centre: tuple[float, float] = CENTRE, frame: str = "ICRS"
) -> fits.Header:
    """Header of an image: RA---SIN and DEC--SIN about pixel (y // 2, x // 2), in Jy/arcsec^2.

    Parameters
    ----------
    shape : (y, x)
    cell_arcsec : float
    centre : (float, float)
        Right ascension and declination, deg.
    frame : {"ICRS", "FK5"}
        Of the centre; FK5 is that of J2000.
    """
    n_y, n_x = shape
    header = fits.Header([("SIMPLE", True), ("BITPIX", -32), ("NAXIS", 2), ("NAXIS1", n_x), ("NAXIS2", n_y)])
    header["BUNIT"], header["RADESYS"] = UNIT, frame
    if frame == "FK5":
        header["EQUINOX"] = 2000.0
    step = cell_arcsec / 3600.0
    axes = (("RA---SIN", centre[0], -step, n_x // 2), ("DEC--SIN", centre[1], step, n_y // 2))
    for axis, (kind, value, delta, pixel) in enumerate(axes, start=1):
        header[f"CTYPE{axis}"], header[f"CRVAL{axis}"], header[f"CDELT{axis}"] = kind, float(value), float(delta)
        header[f"CRPIX{axis}"], header[f"CUNIT{axis}"] = float(pixel + 1), "deg"
    return header


def write_sky(path: str | Path, image: np.ndarray, cell_arcsec: float, facts: Mapping[str, Any]) -> None:
    """Write an image of the sky as FITS float32, whole or not at all, with how it was made.

    Parameters
    ----------
    path : path
    image : ndarray, shape (y, x)
        Jy/arcsec^2.
    cell_arcsec : float
    facts : mapping
        What only the maker knows, seeds and settings as plain values: see `cubefocus.provenance.provenance`.
    """
    write_cube(path, image, sky_header(image.shape, cell_arcsec), provenance(**facts))


def read_sky(path: str | Path, size: int, cell_arcsec: float) -> np.ndarray:
    """Read the image of a sky.

    Parameters
    ----------
    path : path
        FITS, the first image in it; in Jy/arcsec^2, Jy/pixel, Jy/sr or what can be turned into them, of two axes and
        perhaps others of one pixel.
    size : int
        Pixels a side: of a larger image the middle is taken.
    cell_arcsec : float
        Size of a pixel, which that of the file must be.

    Returns
    -------
    ndarray of float32, shape (size, size)
        Jy/arcsec^2, nowhere negative.

    Raises
    ------
    CubefocusError
        If the file is absent or no FITS image, is smaller, has other pixels or none that its header tells, is in
        another unit or in none, or has values that are no numbers or negative.
    """
    path = Path(path)
    refuse_missing(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", VerifyWarning)
            with fits.open(path) as hdus:
                images = [hdu for hdu in hdus if hdu.is_image and hdu.shape]
                if not images:
                    raise CubefocusError("holds no image; give a FITS image in Jy/arcsec2")
                header, data = images[0].header, np.array(images[0].data, dtype=np.float64)
        return _checked(_middle(_plane(data), size) * _factor(header, cell_arcsec))
    except CubefocusError as error:
        raise CubefocusError(f"{path}: {error}") from error
    except (OSError, TypeError, ValueError) as error:
        raise CubefocusError(f"{path}: not a readable FITS image ({error}); make or fetch it again") from error


def _plane(data: np.ndarray) -> np.ndarray:
    if data.ndim < 2 or any(length != 1 for length in data.shape[:-2]):
        raise CubefocusError(f"has the shape {data.shape}; give an image (y, x), other axes may have one pixel")
    return data.reshape(data.shape[-2:])


def _middle(image: np.ndarray, size: int) -> np.ndarray:
    if min(image.shape) < size:
        raise CubefocusError(
            f"has {image.shape[0]} x {image.shape[1]} pixels, fewer than {size}; ask for smaller skies"
        )
    y, x = ((length - size) // 2 for length in image.shape)
    return image[y : y + size, x : x + size]


def _factor(header: fits.Header, cell_arcsec: float) -> float:
    """What turns the values of a file into Jy/arcsec^2."""
    wcs = celestial_wcs(header)
    if wcs.naxis != 2:
        raise CubefocusError("has no axes RA and DEC, so that the size of its pixels is not known; add CTYPE and CDELT")
    for cell in proj_plane_pixel_scales(wcs) * 3600.0:
        if abs(cell - cell_arcsec) > SAME_CELL * cell_arcsec:
            raise CubefocusError(f"has pixels of {cell:.6g} arcsec, not {cell_arcsec:g}; regrid it, or set the cell")
    text = str(header.get("BUNIT", "")).strip()
    if not text:
        raise CubefocusError(f"has no BUNIT; write its unit into the header: {UNIT} or Jy/pixel")
    unit = read_unit(text)
    if unit.is_equivalent(u.Jy / u.pix):
        return float(unit.to(u.Jy / u.pix)) / cell_arcsec**2
    if unit.is_equivalent(u.Jy / u.arcsec**2):
        return float(unit.to(u.Jy / u.arcsec**2))
    raise CubefocusError(f"is in '{text}'; it must be in {UNIT} or Jy/pixel")


def _checked(image: np.ndarray) -> np.ndarray:
    bad = int((~np.isfinite(image)).sum())
    if bad:
        raise CubefocusError(
            f"has {bad} values that are NaN or infinite; a sky has a value everywhere, 0 where it is dark"
        )
    lowest, highest = float(image.min()), float(image.max())
    if lowest < -ROUNDING * max(highest, 0.0):
        raise CubefocusError(
            f"goes down to {lowest:.3g} Jy/arcsec2; a sky is nowhere negative, so this is no sky model"
        )
    return np.maximum(image, 0.0).astype(np.float32)
