"""Units of headers: one table of old spellings, and what they are by the FITS standard."""

from __future__ import annotations

import re
import warnings

from astropy import units as u

from cubefocus.errors import CubefocusError

# The standard's words, and in capitals what older programs write. MJY is not here: it may be milli or mega.
_WORDS = {
    "Jy": "JY JYS JANSKY JANSKYS",
    "mJy": "MILLIJY MILLIJANSKY",
    "uJy": "UJY MICROJY MICROJANSKY",
    "kJy": "KJY",
    "beam": "BEAM BEAMS BM BMS",
    "pixel": "PIXEL PIXELS PIX PX PIXL",
    "Hz": "HZ HERTZ CPS",
    "kHz": "KHZ KILOHERTZ",
    "MHz": "MHZ MEGAHERTZ",
    "GHz": "GHZ GIGAHERTZ",
    "THz": "THZ",
    "m": "M METER METERS METRE METRES",
    "km": "KM KILOMETER KILOMETERS KILOMETRE KILOMETRES",
    "cm": "CM",
    "mm": "MM",
    "um": "UM MICRON MICRONS MICROMETER MICROMETERS",
    "nm": "NM NANOMETER NANOMETERS",
    "Angstrom": "ANGSTROM ANGSTROMS",
    "s": "S SEC SECS SECOND SECONDS",
    "deg": "DEG DEGS DEGREE DEGREES",
    "arcmin": "ARCMIN ARCMINS ARCMINUTE ARCMINUTES",
    "arcsec": "ARCSEC ARCSECS ARCSECOND ARCSECONDS ASEC",
    "rad": "RAD RADIAN RADIANS",
    "sr": "SR STERADIAN STERADIANS",
    "K": "K KELVIN KELVINS",
    "J": "J JOULE JOULES",
    "eV": "EV",
}
SPELLINGS = {old: unit for unit, words in _WORDS.items() for old in words.split()}

# CASA's unit of a moment-0 map: the velocity multiplies, though by the standard it would divide.
_MOMENT = re.compile(r"(\S+?)\s*/\s*beam\s*[.* ]\s*(\S+)\s*/\s*s", re.IGNORECASE)


def read_unit(text: str, like: u.UnitBase | None = None, card: str = "BUNIT") -> u.UnitBase:
    """Unit of a BUNIT or CUNIT card, also in an older spelling such as ``JY/BEAM``, ``KM/S`` or ``DEGREES``.

    Parameters
    ----------
    text : str
    like : Unit, optional
        What the unit should be equivalent to. Where the text has two readings (``km/S``: siemens or seconds), the
        equivalent one is taken.
    card : str
        Where the text stands, for the message.

    Raises
    ------
    CubefocusError
        If it cannot be read.
    """
    text = " ".join(str(text).strip().strip("'\"").split())
    moment = _MOMENT.fullmatch(text)
    text = f"{moment[1]} {moment[2]}/s/beam" if moment else text
    plain = _parse(text)
    if plain is not None and (like is None or plain.is_equivalent(like)):
        return plain
    spelled = _parse(_in_standard_words(text, card))
    if spelled is None or (plain is not None and not spelled.is_equivalent(like)):
        spelled = plain
    if spelled is None:
        raise CubefocusError(f"{card} is '{text}', which cannot be read; write it as Jy/beam, mJy/beam, Hz, km/s, deg")
    return spelled


def is_standard(text: str) -> bool:
    """Whether a text is a unit by the FITS standard, so that any program reads it."""
    return _parse(text, ("fits",)) is not None


def _parse(text: str, styles: tuple[str, ...] = ("fits", "generic")) -> u.UnitBase | None:
    for style in styles:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", u.UnitsWarning)
                return u.Unit(text, format=style)
        except ValueError:
            continue
    return None


def _in_standard_words(text: str, card: str) -> str:
    def standard(word: re.Match[str]) -> str:
        old = word[0]
        if old.upper() == "MJY":
            return _milli_or_mega(old, text, card)
        return SPELLINGS.get(old.upper(), old)

    # Seconds and metres may be written without a blank, kms-1; one letter before a number is a power, not a word.
    parted = re.sub(r"\b(k?m)s(?=\W?-1)", r"\1 s", text, flags=re.IGNORECASE)
    parted = re.sub(r"\bper\b", "/", parted, flags=re.IGNORECASE)
    return re.sub(r"[A-Za-z]+", standard, parted)


def _milli_or_mega(word: str, text: str, card: str) -> str:
    if word == "MJy" or re.search(r"\bSR\b", text.upper()):
        return "MJy"
    if word.startswith("m"):
        return "mJy"
    raise CubefocusError(f"{card} is '{text}', which may be milli- or megajansky; write mJy or MJy")
