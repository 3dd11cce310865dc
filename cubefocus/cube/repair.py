"""One step that every header takes on reading: old spellings mended, axes in one order, what was assumed in words."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from astropy.io import fits

from cubefocus.cube import axes
from cubefocus.cube.beams import repair_beam
from cubefocus.cube.celestial import check_celestial
from cubefocus.cube.spectral import LEAST_HZ, UNITS, aips_kind
from cubefocus.cube.units import is_standard, read_unit
from cubefocus.errors import CubefocusError

# Of each card, words as older programs write them, in capitals, and the FITS standard's own.
SPELLINGS = {
    "CTYPE": {
        "FREQUENCY": "FREQ", "FREQ-TOPO": "FREQ-OBS", "WAVELENGTH": "WAVE", "LAMBDA": "WAVE", "VACWAVE": "WAVE",
        "AIRWAVE": "AWAV", "ENERGY": "ENER", "WAVENUMBER": "WAVN", "REDSHIFT": "ZOPT", "VELO-RAD": "VRAD",
        "VELO-OPT": "VOPT", "VELO-REL": "VELO", "VELOCITY-RADIO": "VRAD", "VELOCITY-OPTICAL": "VOPT",
    },
    "RADESYS": {
        "J2000": "FK5", "J2000.0": "FK5", "FK5/J2000": "FK5", "FK5-J2000": "FK5", "FK-5": "FK5",
        "B1950": "FK4", "B1950.0": "FK4", "FK4/B1950": "FK4", "FK-4": "FK4", "ICRF": "ICRS",
    },
    "SPECSYS": {
        "LSR": "LSRK", "LSRK/RADIO": "LSRK", "BARY": "BARYCENT", "BARYCENTRIC": "BARYCENT", "BARYCENTER": "BARYCENT",
        "HEL": "HELIOCEN", "HELIO": "HELIOCEN", "HELIOCENTRIC": "HELIOCEN", "TOPO": "TOPOCENT", "OBS": "TOPOCENT",
        "TOPOCENTRIC": "TOPOCENT", "GEO": "GEOCENTR", "GEOCENTRIC": "GEOCENTR", "GAL": "GALACTOC", "LGROUP": "LOCALGRP",
        "CMB": "CMBDIPOL", "REST": "SOURCE",
    },
}  # fmt: skip
KNOWN = {
    "RADESYS": ("ICRS", "FK5", "FK4", "FK4-NO-E", "GAPPT"),
    "SPECSYS": ("TOPOCENT", "GEOCENTR", "BARYCENT", "HELIOCEN", "LSRK", "LSRD", "GALACTOC", "LOCALGRP", "CMBDIPOL",
                "SOURCE"),
}  # fmt: skip
RENAMED = {"RESTFREQ": "RESTFRQ", "RADECSYS": "RADESYS", "EPOCH": "EQUINOX"}
_NUMBERS = re.compile(
    r"(CRVAL|CDELT|CRPIX|CROTA)[1-9]|(PC|CD|PV)[1-9]_\d+|RESTFRQ|RESTFREQ|RESTWAV|EQUINOX|EPOCH|BMAJ|BMIN|BPA|VELREF|"
    r"LONPOLE|LATPOLE|WCSAXES"
)
_OLD_MATRIX = re.compile(r"PC00([1-9])00([1-9])")
_OF_THE_FILE = ("BSCALE", "BZERO", "BLANK", "DATAMIN", "DATAMAX", "CHECKSUM", "DATASUM")  # not of the values read
STOKES = {
    2: "Stokes Q",
    3: "Stokes U",
    4: "Stokes V",
    -1: "RR",
    -2: "LL",
    -3: "RL",
    -4: "LR",
    -5: "XX",
    -6: "YY",
    -7: "XY",
    -8: "YX",
}
"""What is not Stokes I, by the codes of the FITS standard (Pence et al. 2010, Table 29)."""


@dataclass(frozen=True)
class Repaired:
    """A header after `clean`.

    Attributes
    ----------
    header : astropy.io.fits.Header
        Two image axes (longitude first), the spectral one third, steps in CDELT, words and units of the standard.
    notes : list of str
        What was assumed or mended, a sentence each.
    order : tuple of int
        The file's axes (1-based) in their new order; the file's others have one pixel.
    """

    header: fits.Header
    notes: list[str]
    order: tuple[int, ...]


def clean(header: fits.Header, shape: Sequence[int]) -> Repaired:
    """Mend a header and bring its axes into the order of cubes.

    Parameters
    ----------
    header : astropy.io.fits.Header
        As it stands in the file.
    shape : sequence of int
        Of the file's array, slowest axis first.

    Raises
    ------
    CubefocusError
        If a card cannot be read or cards contradict each other; the message names the card.
    """
    header = header.copy()
    notes: list[str] = []
    for key in _OF_THE_FILE:
        header.remove(key, ignore_missing=True)
    _numbers(header, notes)
    _names(header, notes)
    _words(header, notes)
    sizes = tuple(reversed(shape))
    order = _order(header, sizes)
    if list(order) != sorted(order):
        notes.append("its axes were brought into the order RA, Dec, frequency; x and y count along RA and Dec")
    _stokes(header, notes)
    cube_shape, told = _shape_of(order, sizes), len(notes)
    cleaned = axes.with_axes(header, order, cube_shape)
    try:
        _steps(cleaned, header, order, notes)
        _pixels(cleaned, notes)
        _units(cleaned, notes)
        _equinox(cleaned, notes)
        _spectrum(cleaned, notes)
        check_celestial(cleaned, cube_shape)
        if not any(axes.is_longitude(axes.kind_of(cleaned, axis)) for axis in (1, 2)):
            notes.append("the header has no celestial axes (CTYPE1, CTYPE2): there will be no positions on the sky")
        repair_beam(cleaned, max(cube_shape[1:]), notes)
    except CubefocusError as error:
        raise CubefocusError(_told(order) + _in_numbers_of_file(str(error), order)) from error
    return Repaired(cleaned, notes[:told] + [_in_numbers_of_file(note, order) for note in notes[told:]], order)


def _told(order: Sequence[int]) -> str:
    spectral = order[2] if len(order) > 2 else 3
    return f"its axis {spectral} is the spectral one, and " if spectral < 3 else ""


def _in_numbers_of_file(text: str, order: Sequence[int]) -> str:
    """A text that names cards by the order of cubes, with the numbers that they have in the file."""
    numbers = dict(enumerate(order, start=1))
    return re.sub(r"\b(CTYPE|CRVAL|CDELT|CRPIX|CUNIT)(\d)\b", lambda m: f"{m[1]}{numbers.get(int(m[2]), m[2])}", text)


def _shape_of(order: Sequence[int], sizes: Sequence[int]) -> tuple[int, int, int]:
    """Shape (channel, y, x) of a file's array after its axes were ordered."""
    n_x, n_y, *rest = (sizes[axis - 1] if axis <= len(sizes) else 1 for axis in order)
    return (rest or [1])[0], n_y, n_x


def _numbers(header: fits.Header, notes: list[str]) -> None:
    """Texts where numbers belong."""
    for key in list(header):
        if not _NUMBERS.fullmatch(key):
            continue
        try:
            value = header[key]
        except fits.VerifyError as error:
            raise CubefocusError(f"its card {key} cannot be read; correct it") from error
        if isinstance(value, fits.card.Undefined) or (isinstance(value, str) and not value.strip()):
            header.remove(key)
            continue
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            continue
        number = _number(str(value), prefix="JB" if key in ("EQUINOX", "EPOCH") else "")
        if number is not None and not math.isfinite(number) and key in ("BMAJ", "BMIN", "BPA"):
            header.remove(key)
            notes.append(f"{key} is '{value}' and is left out")
            continue
        if number is None or not math.isfinite(number):
            raise CubefocusError(f"{key} is '{value}', which is no number; correct it")
        header[key] = int(number) if key in ("VELREF", "WCSAXES") and number == int(number) else number
        notes.append(f"{key} is a text, '{value}', read as the number {number:.12g}")


def _number(text: str, prefix: str) -> float | None:
    plain = text.strip().strip("'\"").strip()
    plain = plain[1:] if plain[:1].upper() in [*prefix] else plain
    try:
        return float(re.sub(r"(?<=[\d.])[dD](?=[-+]?\d)", "E", plain))
    except ValueError:
        return None


def _names(header: fits.Header, notes: list[str]) -> None:
    """Cards under the names that the standard gave up."""
    for old, new in RENAMED.items():
        if old not in header:
            continue
        if new in header and header[new] != header[old] and header[new]:
            notes.append(f"{new} is {header[new]} and {old} is {header[old]}; {new} is taken")
        elif header[old]:
            header[new] = (header[old], header.comments[old])
        header.remove(old)
    for key in [key for key in header if _OLD_MATRIX.fullmatch(key)]:
        header.rename_keyword(key, _OLD_MATRIX.sub(r"PC\1_\2", key))


def _words(header: fits.Header, notes: list[str]) -> None:
    """Words of CTYPEn, RADESYS and SPECSYS."""
    for key in [key for key in header if re.fullmatch(r"CTYPE[1-9]|RADESYS|SPECSYS", key)]:
        value = str(header[key]) if not isinstance(header[key], fits.card.Undefined) else ""
        card = key.rstrip("123456789")
        word = value.strip().upper()
        word = SPELLINGS[card].get(word, word)
        if card == "CTYPE":
            # Four letters, dashes up to the fifth place, and three more: RA--SIN, DEC---SIN are miscounted.
            word = re.sub(r"^(RA|DEC|[A-Z]LON|[A-Z]LAT)-+([A-Z]{3})\b", lambda m: f"{m[1]:-<5}{m[2]}", word)
        elif word and word not in KNOWN[card]:
            if card == "RADESYS" and not _is_equatorial(header):
                word = ""
            elif card == "RADESYS":
                raise CubefocusError(f"RADESYS is '{value}'; the known ones are {', '.join(KNOWN[card])}: correct it")
            else:
                notes.append(f"SPECSYS '{value}' is no frame of the standard and is left out")
                word = ""
        if not word:
            header.remove(key)
        elif word != value.rstrip():
            header[key] = word
            notes.append(f"{key} '{value}' read as {word}")


def _is_equatorial(header: fits.Header) -> bool:
    return any(axes.kind_of(header, axis) in ("RA", "DEC") for axis in range(1, axes.n_axes(header) + 1))


def _order(header: fits.Header, sizes: Sequence[int]) -> tuple[int, ...]:
    """Axes of the file in the order longitude, latitude, spectral."""
    total = max(axes.n_axes(header), len(sizes))
    extent = {axis: sizes[axis - 1] if axis <= len(sizes) else 1 for axis in range(1, total + 1)}
    kinds = {axis: axes.kind_of(header, axis) for axis in extent}
    lon = [axis for axis, kind in kinds.items() if axes.is_longitude(kind)]
    lat = [axis for axis, kind in kinds.items() if axes.is_latitude(kind)]
    if len(lon) == len(lat) == 1:
        image = (lon[0], lat[0])
    else:  # without a pair the first two are the image, if they can be
        image = (1, 2)
        for axis in image:
            if kinds[axis] in axes.SPECTRAL_KINDS:
                raise CubefocusError(f"its axis {axis} is the spectral one and it has no pair of celestial axes; "
                                     "give a cube with axes RA, Dec, frequency")  # fmt: skip
    rest = [axis for axis in extent if axis not in image]
    spectral = [axis for axis in rest if kinds[axis] in axes.SPECTRAL_KINDS]
    # The longest is the cube's; an axis that says nothing may count channels where there is no spectral one.
    named = sorted(spectral, key=lambda axis: -extent[axis])[:1]
    if not named:
        named = [axis for axis in rest if extent[axis] > 1 and kinds[axis] != "STOKES"][:1]
    for axis in rest:
        if axis not in named and extent[axis] > 1:
            if kinds[axis] not in ("", "STOKES"):
                raise CubefocusError(f"its axis {axis}, {header[f'CTYPE{axis}']}, has {extent[axis]} pixels besides "
                                     "image and frequency; give one plane of it")  # fmt: skip
            hint = "" if named else f", or write CTYPE{axis} = 'FREQ' with CRVAL{axis} ... if they are channels"
            raise CubefocusError(f"has {extent[axis]} Stokes planes along axis {axis}; give Stokes I only{hint}")
    return (*image, *named)


def _stokes(header: fits.Header, notes: list[str]) -> None:
    """Say where a file holds a polarisation, and not the total intensity: that of a source may be negative."""
    for axis in range(1, axes.n_axes(header) + 1):
        code = header.get(f"CRVAL{axis}")
        if axes.kind_of(header, axis) == "STOKES" and code in STOKES:
            notes.append(f"holds {STOKES[code]} (CRVAL{axis} is {code:g}), not the total intensity; searched as it is")


def _steps(cleaned: fits.Header, header: fits.Header, order: Sequence[int], notes: list[str]) -> None:
    """Steps of pixels from matrices into CDELT."""
    matrix = axes.matrix_of(cleaned, len(order))
    if matrix is None:
        return
    if any(key.startswith("CD") and "_" in key for key in cleaned):
        for axis in range(1, len(order) + 1):
            if not matrix[axis - 1].any() and cleaned.get(f"CDELT{axis}"):
                # By the standard its step were 0; programs that write CD for the image alone mean CDELT.
                matrix[axis - 1, axis - 1] = cleaned[f"CDELT{axis}"]
                notes.append(f"no CD card has a step of axis {axis}: CDELT{axis} is taken")
    axes.set_steps(cleaned, matrix)
    dropped = [axis for axis in range(1, axes.n_axes(header) + 1) if axis not in order]
    for i in order:
        for j in dropped:
            if header.get(f"PC{i}_{j}", header.get(f"CD{i}_{j}", 0.0)):
                raise CubefocusError(f"PC{i}_{j} or CD{i}_{j} mixes axis {i} with axis {j}, which is no image or "
                                     "spectral axis; regrid it")  # fmt: skip


def _pixels(header: fits.Header, notes: list[str]) -> None:
    """Reference pixels."""
    for axis in range(1, int(header["WCSAXES"]) + 1):
        if f"CTYPE{axis}" in header and f"CRVAL{axis}" in header and f"CRPIX{axis}" not in header:
            header[f"CRPIX{axis}"] = 0.0
            notes.append(f"CRPIX{axis} is missing and taken as 0, the standard's default")


def _units(header: fits.Header, notes: list[str]) -> None:
    """Units of the axes in the standard's spelling, so that the WCS library reads them."""
    for axis in range(1, int(header["WCSAXES"]) + 1):
        kind, key = axes.kind_of(header, axis), f"CUNIT{axis}"
        sky = axes.is_longitude(kind) or axes.is_latitude(kind)
        if not sky and kind not in UNITS:
            header.remove(key, ignore_missing=True)
            continue
        text = str(header.get(key, "")).strip()
        wanted = read_unit("deg") if sky else UNITS[kind]
        if not text:
            if not sky and wanted.to_string() and header.get(f"CRVAL{axis}"):
                if kind == "FREQ" and abs(header[f"CRVAL{axis}"]) < LEAST_HZ:
                    raise CubefocusError(f"CRVAL{axis} is {header[f'CRVAL{axis}']:g} without {key}; write {key}, such "
                                         "as GHz")  # fmt: skip
                notes.append(f"{key} is missing and taken as {wanted.to_string('fits')}")
            continue
        unit = read_unit(text, wanted, key)
        if not unit.is_equivalent(wanted):
            if sky:
                raise CubefocusError(f"{key} is {text}, which is no angle, for CTYPE{axis} {header[f'CTYPE{axis}']}; "
                                     "correct it")  # fmt: skip
            continue  # the frequencies are refused when they are asked for: an image may do without
        if not is_standard(text) or read_unit(text, card=key) != unit:
            header[key] = unit.to_string("fits")
            notes.append(f"{key} '{text}' read as {header[key]}")


def _equinox(header: fits.Header, notes: list[str]) -> None:
    if "EQUINOX" in header and not 1800 < float(header["EQUINOX"]) < 2200:
        notes.append(f"EQUINOX {header['EQUINOX']} is no year and is left out")
        header.remove("EQUINOX")


def _spectrum(header: fits.Header, notes: list[str]) -> None:
    """Rest frequency, and AIPS' kinds of axes in the standard's names."""
    for key in ("RESTFRQ", "RESTWAV"):
        if key in header and not 0 < float(header[key]) < math.inf:
            if header[key]:  # 0 is how some programs write that there is none
                notes.append(f"{key} is {header[key]} and is left out")
            header.remove(key)
    if 0 < header.get("RESTFRQ", LEAST_HZ) < LEAST_HZ:
        raise CubefocusError(f"RESTFRQ is {header['RESTFRQ']:g} Hz, too low for a line; write it in Hz")
    kind, text = axes.kind_of(header, 3), str(header.get("CTYPE3", ""))
    frame = re.fullmatch(r"(FREQ|VELO|FELO)-(LSR|LSRK|LSRD|HEL|OBS|GEO|GAL|LGR|CMB|SRC|BAR|TOP)", text)
    if kind not in ("VELO", "FELO") and not frame:
        return
    if kind == "VELO" and frame and "VELREF" not in header:
        header["VELREF"] = 256
        notes.append(f"CTYPE3 is {text} without VELREF: taken as the radio velocity, as Miriad and CASA write it")
    if kind == "VELO" and not frame and not header.get("VELREF", 0) and text == "VELO":
        notes.append("CTYPE3 is VELO, by the standard the relativistic velocity; write VRAD or VOPT if it is another")
    new, system = aips_kind(header)
    if new != text:
        header["CTYPE3"] = new
        meaning = {"VRAD": "radio velocity", "VOPT": "optical velocity",
                   "VOPT-F2W": "optical velocity on channels even in frequency", "FREQ": "frequency"}  # fmt: skip
        notes.append(f"CTYPE3 {text} read as {new} ({meaning.get(new, 'by wcslib')})")
    if system and header.setdefault("SPECSYS", system) != system:
        notes.append(f"SPECSYS is {header['SPECSYS']} though {text} or VELREF says {system}; SPECSYS is taken")
    header.remove("VELREF", ignore_missing=True)


def finite(data: np.ndarray) -> tuple[np.ndarray, int]:
    """Values with NaN for infinities, in place, and how many there were."""
    infinite = np.isinf(data)
    number = int(np.count_nonzero(infinite))
    if number:
        data = data if data.flags.writeable else data.copy()
        data[infinite] = np.nan
    return data, number
