"""Synthesised beams of headers and of tables, by radio_beam; what makes no sense as a beam is no beam, and said."""

from __future__ import annotations

import math
import warnings

import numpy as np
from astropy import units as u
from astropy.io import fits
from radio_beam import Beam, Beams
from radio_beam.beam import NoBeamException

CARDS = ("BMAJ", "BMIN", "BPA")


def settle_beam(header: fits.Header, table: fits.BinTableHDU | None, said: list[str]) -> np.ndarray | None:
    """Leave one beam that makes sense in a header, or none.

    Parameters
    ----------
    header : astropy.io.fits.Header
        Gets BMAJ, BMIN and BPA in deg; loses those that are no beam.
    table : BinTableHDU or None
        CASA's table of a beam a channel.
    said : list of str
        Receives what was assumed.

    Returns
    -------
    ndarray of float, shape (channel, 3), or None
        Major and minor axis in arcsec and position angle in deg of each channel, NaN where it has none; None without
        a table.
    """
    if table is not None:
        beams = _of_table(table)
        good = np.isfinite(beams).all(axis=1)
        if good.any():
            major, minor, angle = np.median(beams[good], axis=0)
            header["BMAJ"], header["BMIN"], header["BPA"] = major / 3600, minor / 3600, angle
            left_out = f", {(~good).sum()} of them without one" if (~good).any() else ""
            said.append(f"has a beam for each channel{left_out}: the median, {major:.4g} x {minor:.4g} arcsec, serves")
        else:
            _drop(header)
            said.append("has a table of beams, but none of them is above 0: taken as without a beam")
        return beams
    if "BMAJ" in header:
        _settle_cards(header, said)
    else:
        _from_history(header, said)
    return None


def _of_table(table: fits.BinTableHDU) -> np.ndarray:
    data = table.data
    units = {name: u.Unit(table.columns[name].unit or "arcsec") for name in ("BMAJ", "BMIN")}
    major, minor = ((data[name].astype(float) * units[name]) for name in ("BMAJ", "BMIN"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of beams that are left out below
        beams = Beams(major=major, minor=minor, pa=data["BPA"].astype(float) * u.deg)
    made = np.stack([beams.major.to_value(u.arcsec), beams.minor.to_value(u.arcsec), beams.pa.to_value(u.deg)], axis=1)
    made[~((made[:, 1] > 0) & np.isfinite(made).all(axis=1))] = np.nan
    return made


def _settle_cards(header: fits.Header, said: list[str]) -> None:
    if "BMIN" not in header:
        said.append("has BMAJ but no BMIN: taken as without a beam")
        return _drop(header)
    major, minor = float(header["BMAJ"]), float(header["BMIN"])
    if not (0 < major < math.inf and 0 < minor < math.inf):
        said.append(f"BMAJ is {major:g} and BMIN {minor:g}, which is no beam: taken as without a beam")
        return _drop(header)
    if minor > major:
        said.append(f"BMIN, {minor:g}, is above BMAJ, {major:g}: the axes are exchanged")
        header["BMAJ"], header["BMIN"] = minor, major
        header["BPA"] = (float(header.get("BPA", 0.0)) + 90.0) % 180.0
    return None


def _from_history(header: fits.Header, said: list[str]) -> None:
    """AIPS writes the beam into a HISTORY card."""
    try:
        beam = Beam.from_fits_history(header)
    except (NoBeamException, KeyError, ValueError, TypeError):
        return
    if beam is not None and beam.major.value > 0:
        header["BMAJ"], header["BMIN"] = beam.major.to_value(u.deg), beam.minor.to_value(u.deg)
        header["BPA"] = beam.pa.to_value(u.deg)
        said.append(f"beam of {beam.major.to_value(u.arcsec):.4g} arcsec taken from its HISTORY, as AIPS writes it")


def _drop(header: fits.Header) -> None:
    for card in CARDS:
        header.remove(card, ignore_missing=True)
