"""What headers say in other words than the FITS standard: one table of spellings, and what is assumed for them."""

from __future__ import annotations

import math
import re
import warnings

from astropy import units as u
from astropy.io import fits

from cubefocus.errors import CubefocusError

SPELLINGS = {
    "JY/BEAM": "Jy/beam", "JY/BM": "Jy/beam", "JY BEAM-1": "Jy/beam", "JY BEAM^-1": "Jy/beam", "JY/B": "Jy/beam",
    "JY BEAM**-1": "Jy/beam", "JANSKY/BEAM": "Jy/beam", "JY/PIXEL": "Jy/pixel", "JY/PIX": "Jy/pixel",
    "JY PIXEL-1": "Jy/pixel", "MJY/BEAM": "mJy/beam", "MJY/BM": "mJy/beam", "UJY/BEAM": "uJy/beam",
    "JY/ARCSEC**2": "Jy/arcsec2", "JY/ARCSEC^2": "Jy/arcsec2", "JY/SR": "Jy/sr",
    "HZ": "Hz", "HERTZ": "Hz", "KHZ": "kHz", "MHZ": "MHz", "GHZ": "GHz", "THZ": "THz",
    "M/S": "m/s", "M S-1": "m/s", "METER/SEC": "m/s", "METERS/SEC": "m/s", "METRE/SEC": "m/s", "M/SEC": "m/s",
    "KM/S": "km/s", "KM S-1": "km/s", "KM/SEC": "km/s", "KMS-1": "km/s", "KMS": "km/s", "CM/S": "cm/s",
    "METER": "m", "METERS": "m", "METRE": "m", "M": "m", "CM": "cm", "MM": "mm", "UM": "um", "MICRON": "um",
    "ANGSTROM": "Angstrom", "ANGSTROMS": "Angstrom",
    "DEGREE": "deg", "DEGREES": "deg", "DEG": "deg", "ARCSEC": "arcsec", "ARCMIN": "arcmin", "RAD": "rad",
    "RADIAN": "rad", "RADIANS": "rad",
}  # fmt: skip
"""Units as old programs spell them, in capitals, and as FITS does. MJY in capitals is taken for milli."""

FRAMES = {"J2000": "FK5", "FK5": "FK5", "ICRS": "ICRS", "GCRS": "ICRS", "B1950": "FK4", "FK4": "FK4",
          "FK4-NO-E": "FK4-NO-E", "GAPPT": "GAPPT"}  # fmt: skip
NUMBERS = re.compile(
    r"(CRVAL|CDELT|CRPIX|CROTA)\d|(PC|CD)\d+_\d+|RESTFRQ|RESTFREQ|RESTWAV|EQUINOX|EPOCH|BMAJ|BMIN|BPA|VELREF"
)


def read_unit(text: str, card: str = "BUNIT", such: str = "Jy/beam, mJy/beam, Jy/pixel, ...") -> u.UnitBase:
    """Unit of a card, however it is spelled.

    Parameters
    ----------
    text : str
        Value of the card.
    card, such : str
        For the message: its name, and what it may be.

    Raises
    ------
    CubefocusError
        If it is none.
    """
    words = " ".join(text.split())
    spelled = words if words.startswith(("mJy", "uJy", "MJy")) else SPELLINGS.get(words.upper(), words)
    for style in ("fits", "generic"):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", u.UnitsWarning)
                return u.Unit(spelled, format=style)
        except ValueError:
            continue
    raise CubefocusError(f"{card} is '{text}', which cannot be read; write it as {such}")


def repaired(header: fits.Header) -> tuple[fits.Header, list[str]]:
    """Copy of a header in the words of the FITS standard, and what was assumed for it.

    Parameters
    ----------
    header : astropy.io.fits.Header
        As read from a file.

    Returns
    -------
    header : astropy.io.fits.Header
    said : list of str
        One text for each card that was taken for something that it does not say by itself.

    Raises
    ------
    CubefocusError
        If a card cannot be read: text where a number belongs, a unit or frame that is none, a pixel of no size.
    """
    header, said = header.copy(), list[str]()
    for card in list(header):
        if NUMBERS.fullmatch(card) and not isinstance(header[card], int | float):
            header[card] = _number(card, header[card], said)
    for axis in range(1, int(header.get("NAXIS", 0)) + 1):
        _repair_axis(header, axis, said)
    if "RADESYS" in header or "RADECSYS" in header:
        name = "RADESYS" if "RADESYS" in header else "RADECSYS"
        frame = str(header[name]).strip().upper()
        if frame not in FRAMES:
            raise CubefocusError(f"{name} is '{header[name]}'; write {', '.join(dict.fromkeys(FRAMES.values()))}")
        if FRAMES[frame] != header[name]:
            header[name] = FRAMES[frame]
    if "SPECSYS" in header:
        header["SPECSYS"] = str(header["SPECSYS"]).strip().upper()
    return header, said


def _number(card: str, value: object, said: list[str]) -> float:
    text = str(value).strip()
    spelled = text.upper().removeprefix("J") if card in ("EQUINOX", "EPOCH") else text.upper().replace("D", "E")
    try:
        number = float(spelled)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise CubefocusError(f"{card} is '{text}', which is no number; correct it in the header")
    said.append(f"{card} is the text '{text}', taken as the number {number:g}")
    return number


def _repair_axis(header: fits.Header, axis: int, said: list[str]) -> None:
    if f"CTYPE{axis}" not in header:
        return
    kind = str(header[f"CTYPE{axis}"]).strip().upper()
    header[f"CTYPE{axis}"] = kind
    if text := str(header.get(f"CUNIT{axis}", "")).strip():
        header[f"CUNIT{axis}"] = read_unit(text, f"CUNIT{axis}", "deg, Hz, m/s, ...").to_string("fits")
    if header[f"NAXIS{axis}"] > 1 and f"CRPIX{axis}" not in header:
        header[f"CRPIX{axis}"] = 0.0
        said.append(f"has no CRPIX{axis}: taken as 0, as the FITS standard has it")
    matrix = any(re.fullmatch(rf"CD{axis}_\d+", card) for card in header)
    if not matrix and header.get(f"CDELT{axis}", 1.0) == 0 and header[f"NAXIS{axis}"] > 1:
        raise CubefocusError(f"CDELT{axis} is 0: its pixels have no size; correct it in the header")
