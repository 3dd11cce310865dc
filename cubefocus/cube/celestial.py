"""Celestial coordinates of a header through the WCS library."""

from __future__ import annotations

import warnings

import numpy as np
from astropy.coordinates import FK5, ICRS, SkyCoord
from astropy.io import fits
from astropy.wcs import WCS
from numpy.typing import ArrayLike

from cubefocus.cube.axes import is_latitude, is_longitude, kind_of, part
from cubefocus.errors import CubefocusError

EDIT = "correct its header"


def celestial_wcs(header: fits.Header) -> WCS:
    """WCS of the first two axes, 0-based pixel coordinates; one without axes if these are not celestial.

    Raises
    ------
    CubefocusError
        If the WCS library cannot read them.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what astropy normalises; what it cannot read is an error
            wcs = WCS(part(header, (1, 2)))
            wcs.wcs.set()
            return wcs.celestial
    except ValueError as error:  # all errors of wcslib are
        kinds = " and ".join(f"'{header.get(f'CTYPE{axis}', '')}'" for axis in (1, 2))
        raise CubefocusError(f"its axes {kinds} cannot be read ({reason(error)}); {EDIT}") from error


def pixel_arcsec(header: fits.Header) -> float:
    """Side of the square pixels of an image, in arcsec."""
    return abs(float(header["CDELT1"])) * 3600.0


def reason(error: Exception) -> str:
    """The sentence of wcslib's message that says what is wrong."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip() and not line.startswith("ERROR")]
    return (lines or [str(error)])[0].rstrip(".")


def check_celestial(header: fits.Header, shape: tuple[int, ...]) -> None:
    """Refuse a header whose image axes cannot be placed on the sky.

    Raises
    ------
    CubefocusError
        Naming the card.
    """
    kinds = {axis: kind_of(header, axis) for axis in (1, 2)}
    if not any(is_longitude(kind) or is_latitude(kind) for kind in kinds.values()):
        return
    for axis, other in ((1, 2), (2, 1)):
        if not (is_longitude(kinds[axis]) or is_latitude(kinds[axis])):
            told = "missing" if not kinds[axis] else f"'{header[f'CTYPE{axis}']}'"
            raise CubefocusError(f"CTYPE{axis} is {told} while CTYPE{other} is '{header[f'CTYPE{other}']}'; {EDIT}")
    for axis, kind in kinds.items():
        _check_axis(header, axis, kind)
    wcs = celestial_wcs(header)
    corners = np.array([[0, 0, shape[-1] - 1, shape[-1] - 1, shape[-1] / 2],
                        [0, shape[-2] - 1, 0, shape[-2] - 1, shape[-2] / 2]])  # fmt: skip
    if not np.isfinite(wcs.wcs_pix2world(corners.T, 0)).any():
        raise CubefocusError(f"no pixel of the image is on the sky by its CRPIX, CRVAL and CDELT; {EDIT}")


def _check_axis(header: fits.Header, axis: int, kind: str) -> None:
    if not str(header[f"CTYPE{axis}"])[5:].strip():
        raise CubefocusError(f"CTYPE{axis} '{header[f'CTYPE{axis}']}' names no projection; "
                             "write it, as in RA---SIN and DEC--SIN")  # fmt: skip
    if f"CRVAL{axis}" not in header:
        raise CubefocusError(f"CRVAL{axis} is missing: where the image is on the sky is not known; {EDIT}")
    rotated = any(key in header for key in ("PC1_2", "PC2_1", "PC1_1", "PC2_2"))
    if f"CDELT{axis}" not in header and not rotated:
        raise CubefocusError(f"CDELT{axis} is missing: the size of a pixel is not known; {EDIT}")
    if header.get(f"CDELT{axis}", 1.0) == 0:
        raise CubefocusError(f"CDELT{axis} is 0: a pixel has a size; {EDIT}")
    if is_latitude(kind) and str(header.get(f"CUNIT{axis}", "deg")).strip() in ("", "deg"):
        value = float(header[f"CRVAL{axis}"])
        if not abs(value) <= 90:
            raise CubefocusError(f"CRVAL{axis} is {value:g}; a {kind} lies between -90 and 90 deg: {EDIT}")


def equatorial(wcs: WCS, x: ArrayLike, y: ArrayLike) -> SkyCoord:
    """Positions of pixels as right ascension and declination.

    Parameters
    ----------
    wcs : astropy.wcs.WCS
        Celestial.
    x, y : array_like
        0-based pixel coordinates.

    Returns
    -------
    SkyCoord
        ICRS, or FK5 (J2000) where the header is in FK5; other frames, such as galactic, are converted to ICRS.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a frame that the header does not name is astropy's to choose
        positions: SkyCoord = wcs.pixel_to_world(x, y)
    if positions.frame.name == "icrs" or positions.is_equivalent_frame(FK5()):
        return positions
    # A frame by its name alone would keep the header's equinox.
    wanted = FK5() if positions.frame.name == "fk5" else ICRS()
    return SkyCoord(positions.frame.transform_to(wanted))


def position_angle(wcs: WCS, x: float, y: float, angle: float) -> float:
    """Position angle of a direction in the image, north through east, 0 to 180 degrees.

    Parameters
    ----------
    wcs : astropy.wcs.WCS
        Celestial.
    x, y : float
        0-based pixel coordinates of the place.
    angle : float
        Of the direction, from the +x pixel axis clockwise with y up, degrees.

    Returns
    -------
    float
        NaN if the header has no celestial axes.
    """
    if wcs.naxis != 2 or not np.isfinite(angle):
        return float("nan")
    turn = np.radians(angle)
    here, there = equatorial(wcs, x, y), equatorial(wcs, x + np.cos(turn), y - np.sin(turn))
    return float(here.position_angle(there).deg % 180.0)


def frame_of(wcs: WCS) -> str:
    """Frame of the positions that `equatorial` gives: ``ICRS`` or ``FK5`` (J2000); empty without celestial axes."""
    if wcs.naxis != 2:
        return ""
    x, y = wcs.wcs.crpix - 1.0
    return str(equatorial(wcs, x, y).frame.name).upper()


def local_axes(wcs: WCS, x: ArrayLike, y: ArrayLike) -> np.ndarray:
    """How far a pixel is on the sky around some places: by right ascension and declination as `equatorial` gives them.

    Parameters
    ----------
    wcs : astropy.wcs.WCS
        Celestial.
    x, y : array_like, shape (n,)
        0-based pixel coordinates.

    Returns
    -------
    ndarray, shape (n, 2, 2)
        Derivatives of the offsets to the east, times cos(dec), and to the north (rows) by x and y (columns), arcsec a
        pixel; NaN if the header has no celestial axes.
    """
    x, y = np.atleast_1d(np.asarray(x, dtype=float)), np.atleast_1d(np.asarray(y, dtype=float))
    if wcs.naxis != 2 or not len(x):
        return np.full((len(x), 2, 2), np.nan)
    half = 0.5 * np.array([[0, 0], [1, 0], [-1, 0], [0, 1], [0, -1]])
    sky = equatorial(wcs, x + half[:, :1], y + half[:, 1:])
    ra, dec = sky.ra.rad, sky.dec.rad
    # Differences of directions and not of coordinates: these jump at 0 h, and mean nothing at a pole.
    place = np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=-1)
    east = np.stack([-np.sin(ra[0]), np.cos(ra[0]), np.zeros_like(ra[0])], axis=-1)
    north = np.stack([-np.sin(dec[0]) * np.cos(ra[0]), -np.sin(dec[0]) * np.sin(ra[0]), np.cos(dec[0])], axis=-1)
    by_x, by_y = place[1] - place[2], place[3] - place[4]
    both = [[np.sum(step * axis, axis=-1) for step in (by_x, by_y)] for axis in (east, north)]
    return np.moveaxis(np.degrees(np.array(both)) * 3600.0, -1, 0)
