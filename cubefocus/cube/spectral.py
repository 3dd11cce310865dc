"""The spectral axis of a header through the WCS library: frequencies of channels, whatever the axis counts.

Conventions and non-linear axes are those of FITS paper III (Greisen et al. 2006, A&A 446, 747).
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from astropy import units as u
from astropy.constants import c as speed_of_light
from astropy.io import fits
from astropy.wcs import WCS

from cubefocus.cube.axes import kind_of, part
from cubefocus.cube.celestial import reason
from cubefocus.cube.units import read_unit
from cubefocus.errors import CubefocusError

# Kind of axis: its unit, and how its values become frequencies
_DOPPLER = {"VRAD": u.doppler_radio, "VOPT": u.doppler_optical, "VELO": u.doppler_relativistic}
UNITS = {
    "FREQ": u.Hz, "ENER": u.J, "WAVN": u.m**-1, "WAVE": u.m, "AWAV": u.m, "VRAD": u.m / u.s, "VOPT": u.m / u.s,
    "VELO": u.m / u.s, "FELO": u.m / u.s, "ZOPT": u.one, "BETA": u.one,
}  # fmt: skip
QUANTITIES = {"Hz": "a frequency", "m / s": "a velocity", "m": "a wavelength", "J": "an energy"}
LEAST_HZ = 1e6  # a rest frequency below this was not written in Hz


def rest_frequency(header: fits.Header) -> float | None:
    """Rest frequency in Hz from RESTFRQ, RESTFREQ or RESTWAV; None if the header has none."""
    for key in ("RESTFRQ", "RESTFREQ"):
        value = header.get(key)
        if isinstance(value, (int, float)) and 0 < value < np.inf:
            return float(value)
    wavelength = header.get("RESTWAV")
    if isinstance(wavelength, (int, float)) and 0 < wavelength < np.inf:
        return float(speed_of_light.value / wavelength)
    return None


def frequencies(header: fits.Header, pixels: np.ndarray, tables: Any = None) -> np.ndarray:
    """Frequencies in Hz along the third axis of a header.

    Parameters
    ----------
    header : astropy.io.fits.Header
        Of a cube, as `cubefocus.cube.repair.clean` leaves it.
    pixels : ndarray
        0-based channels, whole or not.
    tables : astropy.io.fits.HDUList, optional
        Where the table of an axis by look-up (-TAB) is.

    Raises
    ------
    CubefocusError
        If the header does not say it, or contradicts itself.
    """
    check_axis(header, len(pixels))
    kind = kind_of(header, 3)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            wcs = WCS(part(header, (3,)), tables)
            wcs.wcs.set()
            values = wcs.wcs_pix2world(np.asarray(pixels, dtype=float), 0)[0]
    except (ValueError, KeyError, OSError, AssertionError) as error:
        told = f"its spectral axis CTYPE3 '{header['CTYPE3']}' cannot be read ({reason(error)}); correct its header"
        raise CubefocusError(told.replace("CTYPE1", "CTYPE3").replace("CUNIT1", "CUNIT3")) from error
    # The translation of AIPS' kinds is wcslib's; all else is as it stands in the header.
    kind = str(wcs.wcs.ctype[0]).split("-")[0] if kind in ("VELO", "FELO") else kind
    found = _to_hz(values, kind, header)
    if not (np.isfinite(found).all() and (found > 0).all()):
        where = f"CRVAL3 {header['CRVAL3']:g}, CDELT3 {header.get('CDELT3', 1.0):g}"
        raise CubefocusError(f"its {kind} axis gives channels of no or negative frequency ({where}); correct it")
    return found


def _to_hz(values: np.ndarray, kind: str, header: fits.Header) -> np.ndarray:
    """Values in the SI unit of their kind of axis to frequencies."""
    if kind == "FREQ":
        return values
    if kind == "AWAV":
        values, kind = values * air_refraction(values), "WAVE"
    if kind in ("WAVE", "WAVN", "ENER"):
        return np.asarray((values * UNITS[kind]).to_value(u.Hz, u.spectral()))
    rest = rest_frequency(header)
    if rest is None:
        raise CubefocusError(f"the {kind} axis of the header cannot be turned into frequencies without RESTFRQ")
    if kind == "ZOPT":
        return rest / (1.0 + values)
    velocity = values * (speed_of_light if kind == "BETA" else u.m / u.s)
    return np.asarray(velocity.to_value(u.Hz, _DOPPLER.get(kind, u.doppler_relativistic)(rest * u.Hz)))


def air_refraction(wavelength: np.ndarray) -> np.ndarray:
    """Refractive index of dry air for wavelengths in m: FITS paper III, eq. 65 (wcslib has another formula)."""
    squared = (np.asarray(wavelength) * 1e6) ** 2
    return 1.0 + 1e-6 * (287.6155 + 1.62887 / squared + 0.01360 / squared**2)


def check_axis(header: fits.Header, n_channels: int) -> None:
    """Refuse a spectral axis that says too little or contradicts itself.

    Raises
    ------
    CubefocusError
        Naming the card.
    """
    kind = kind_of(header, 3)
    if not kind:
        raise CubefocusError("the header has no FREQ, VRAD or other spectral axis: add CTYPE3, CRVAL3, CDELT3, CRPIX3")
    if kind not in UNITS:
        raise CubefocusError(f"CTYPE3 is '{header['CTYPE3']}', which does not say how to find frequencies; write FREQ, "
                             "VRAD (radio velocity), VOPT (optical), VELO (relativistic), WAVE, ...")  # fmt: skip
    stepless = "CDELT3" not in header and "CD3_3" not in header and "PC3_3" not in header
    if "CRVAL3" not in header or (n_channels > 1 and "-TAB" not in str(header["CTYPE3"]) and stepless):
        raise CubefocusError("the header does not say where its channels are: add CRVAL3 and CDELT3")
    if n_channels > 1 and header.get("CDELT3", 1.0) == 0:
        raise CubefocusError("CDELT3 is 0: all channels would be at one frequency; correct it")
    if "-TAB" in str(header["CTYPE3"]) and "PS3_0" not in header:
        raise CubefocusError(f"CTYPE3 is '{header['CTYPE3']}', but no card PS3_0 says which table has its values")
    text = str(header.get("CUNIT3", "")).strip()
    wanted = UNITS[kind]
    if not text:
        return
    unit = read_unit(text, wanted, "CUNIT3")
    if not unit.is_equivalent(wanted):
        told = next((name for base, name in QUANTITIES.items() if _may_be(text, u.Unit(base))), "something else")
        way = (
            "make it VRAD, VOPT or VELO"
            if told == "a velocity"
            else f"its unit is like {wanted.to_string('fits') or '1'}"
        )
        raise CubefocusError(f"CTYPE3 is {header['CTYPE3']} but CUNIT3 is {text}, {told}; {way}")


def _may_be(text: str, unit: u.UnitBase) -> bool:
    return bool(read_unit(text, unit, "CUNIT3").is_equivalent(unit))


def aips_kind(header: fits.Header) -> tuple[str, str]:
    """CTYPE3 and SPECSYS by the FITS standard of an axis in AIPS' convention (VELO-LSR, FELO-HEL, VELREF).

    Raises
    ------
    CubefocusError
        If VELREF is none of AIPS'.
    """
    velref = header.get("VELREF", 0)
    if velref not in (*range(8), *range(256, 264)):
        raise CubefocusError(f"VELREF is {velref}; AIPS' are 1 to 7 (optical) and 257 to 263 (radio): correct it")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wcs = WCS(part(header, (3,)))
    return str(wcs.wcs.ctype[0]), str(wcs.wcs.specsys)
