"""Synthesised beams of headers: one, one a channel, none, or one that makes no sense."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from astropy import units as u
from astropy.io import fits

from cubefocus.cube.units import read_unit
from cubefocus.errors import CubefocusError

Beam = tuple[float, float, float]  # FWHM of major and minor axis in arcsec, position angle in deg


def header_beam(header: fits.Header) -> Beam | None:
    """Beam of BMAJ, BMIN, BPA; None if the header has none, or one that cannot be."""
    values = [header.get(key) for key in ("BMAJ", "BMIN")]
    if any(isinstance(value, (str, bool, type(None), fits.card.Undefined)) for value in values):
        return None
    major, minor = (float(value) * 3600.0 for value in values)
    angle = float(header.get("BPA", 0.0))
    return (major, minor, angle) if 0 < minor <= major < math.inf and math.isfinite(angle) else None


def repair_beam(header: fits.Header, n_pixels: int, notes: list[str]) -> None:
    """Mend BMAJ, BMIN, BPA of a header in place, or remove them, and note why; look into HISTORY if there are none."""
    if "BMAJ" not in header and "BMIN" not in header:
        _from_history(header, notes)
        return
    lacking = [key for key in ("BMAJ", "BMIN") if key not in header]
    if lacking:
        _without(header, notes, f"its beam has no {lacking[0]}")
        return
    major, minor, angle = (float(header.get(key, 0.0)) for key in ("BMAJ", "BMIN", "BPA"))
    cell = abs(float(header.get("CDELT2", math.nan))) * read_unit(str(header.get("CUNIT2") or "deg")).to(u.deg)
    if not (0 < major < math.inf and 0 < minor < math.inf):
        _without(header, notes, f"BMAJ is {major:g} and BMIN {minor:g}, which is no beam")
    elif major > 2 * n_pixels * cell or major < cell / 10:
        _without(header, notes, f"BMAJ is {major:g} deg, {major / cell:.3g} px of an image of {n_pixels} px")
    else:
        if not math.isfinite(angle):
            header["BPA"] = angle = 0.0
            notes.append("BPA is no number and taken as 0")
        if minor > major:
            header["BMAJ"], header["BMIN"], header["BPA"] = minor, major, angle + 90.0
            notes.append(f"BMAJ {major:g} is less than BMIN {minor:g}: exchanged, and BPA turned by 90 deg")


def _without(header: fits.Header, notes: list[str], why: str) -> None:
    for key in ("BMAJ", "BMIN", "BPA"):
        header.remove(key, ignore_missing=True)
    notes.append(f"{why}: taken as not given")


def _from_history(header: fits.Header, notes: list[str]) -> None:
    lines = [str(line) for line in header.get("HISTORY", [])]
    if not any("CLEAN BMAJ" in line or "restoration:" in line for line in lines):
        return
    from radio_beam import Beam as RadioBeam  # takes a second to import

    try:
        beam = RadioBeam.from_fits_history(header)
    except (ValueError, IndexError):  # a line of another form
        beam = None
    if beam is None or not beam.isfinite or not beam.minor > 0:
        return
    header["BMAJ"], header["BMIN"] = beam.major.to_value(u.deg), beam.minor.to_value(u.deg)
    header["BPA"] = beam.pa.to_value(u.deg)
    size = f"{beam.major.to_value(u.arcsec):.3g} x {beam.minor.to_value(u.arcsec):.3g} arcsec"
    notes.append(f"its beam, {size}, is taken from HISTORY")


def table_beams(hdus: Sequence[Any], n_channels: int, notes: list[str]) -> np.ndarray | None:
    """Beam of each channel from CASA's table BEAMS.

    Parameters
    ----------
    hdus : sequence of HDUs
        All of the file.
    n_channels : int
    notes : list of str
        Gets what is to say.

    Returns
    -------
    ndarray of shape (channel, 3), or None
        Major and minor axis (FWHM, arcsec), position angle (deg); NaN for channels without a beam.

    Raises
    ------
    CubefocusError
        If the table has units that are no angles.
    """
    table = next((hdu for hdu in hdus if isinstance(hdu, fits.BinTableHDU) and _is_beams(hdu)), None)
    if table is None:
        return None
    rows = table.data
    names = {name.upper() for name in table.columns.names}
    units = {column.name.upper(): column.unit for column in table.columns}
    first = np.ones(len(rows), bool) if "POL" not in names else np.asarray(rows["POL"]) == np.min(rows["POL"])
    channels = np.asarray(rows["CHAN"]) if "CHAN" in names else np.arange(len(rows))
    beams = np.full((n_channels, 3), np.nan)
    for place, (name, unit) in enumerate((("BMAJ", u.arcsec), ("BMIN", u.arcsec), ("BPA", u.deg))):
        given = read_unit(units[name], unit, f"column {name}") if units[name] else unit
        if not given.is_equivalent(unit):
            raise CubefocusError(f"column {name} of its table of beams is in {units[name]}; it must be an angle")
        for channel, value in zip(channels[first], np.asarray(rows[name], dtype=float)[first], strict=True):
            if 0 <= channel < n_channels:
                beams[channel, place] = (value * given).to_value(unit)
    turned = beams[:, 1] > beams[:, 0]
    beams[turned] = np.column_stack([beams[turned, 1], beams[turned, 0], beams[turned, 2] + 90.0])
    bad = ~((beams[:, 1] > 0) & np.isfinite(beams).all(axis=1))
    beams[bad] = np.nan
    if bad.any():
        notes.append(f"its table of beams has none for {int(bad.sum())} of {n_channels} channels")
    return None if bad.all() else beams


def _is_beams(hdu: fits.BinTableHDU) -> bool:
    return {"BMAJ", "BMIN", "BPA"} <= {name.upper() for name in hdu.columns.names}


def median_beam(beams: np.ndarray | Sequence[Sequence[float]]) -> Beam:
    """Beam of the channel of median area, of beams of shape (channel, 3) of which some may be NaN."""
    known = np.asarray(beams, dtype=float)
    known = known[np.isfinite(known).all(axis=1)]
    areas = known[:, 0] * known[:, 1]
    major, minor, angle = known[int(np.argsort(areas)[(len(areas) - 1) // 2])].tolist()
    return major, minor, angle


def with_beam(header: fits.Header, beams: Sequence[Sequence[float]], telescope: str) -> fits.Header:
    """Add the beam of the channel with the median beam area and the telescope to a header, and return it.

    ``beams`` has (major arcsec, minor arcsec, position angle deg) of each channel.
    """
    set_beam(header, median_beam(beams))
    header.comments["BMAJ"] = "[deg] FWHM, channel of median beam"
    header["TELESCOP"] = telescope.strip() or "unknown"
    return header


def set_beam(header: fits.Header, beam: Beam) -> None:
    """Write a beam (arcsec, arcsec, deg) as BMAJ, BMIN, BPA."""
    header["BMAJ"], header["BMIN"], header["BPA"] = beam[0] / 3600.0, beam[1] / 3600.0, beam[2]
