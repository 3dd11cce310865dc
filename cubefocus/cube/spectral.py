"""The spectral axis of a header, by whatever convention, as frequencies: Greisen et al. 2006, A&A 446, 747 (paper III).

wcslib does the arithmetic; what stands here is which axis it is, and the conventions older than the standard.
"""

from __future__ import annotations

import math
import re
import warnings

import numpy as np
from astropy import units as u
from astropy.constants import c as speed_of_light
from astropy.io import fits
from astropy.wcs import WCS, FITSFixedWarning, WcsError

from cubefocus.cube.repair import read_unit
from cubefocus.errors import CubefocusError

TYPES = {"FREQ": u.Hz, "ENER": u.J, "WAVN": 1 / u.m, "VRAD": u.m / u.s, "WAVE": u.m, "VOPT": u.m / u.s,
         "ZOPT": u.one, "AWAV": u.m, "VELO": u.m / u.s, "BETA": u.one}  # fmt: skip
"""Types of paper III with their units."""

NEED_REST = ("VRAD", "VOPT", "ZOPT", "VELO", "BETA")
AIPS_FRAMES = {"LSR": "LSRK", "LSK": "LSRK", "HEL": "BARYCENT", "OBS": "TOPOCENT", "TOP": "TOPOCENT", "GEO": "GEOCENTR"}
RADIO = 256  # VELREF of AIPS: from here on the radio definition of velocity, below the optical one


def spectral_axis(header: fits.Header) -> int | None:
    """Number of the spectral axis, from 1; None if there is none."""
    for axis in range(1, int(header.get("NAXIS", 0)) + 1):
        if str(header.get(f"CTYPE{axis}", "")).upper()[:4] in (*TYPES, "FELO"):
            return axis
    return None


def rest_frequency_hz(header: fits.Header) -> float | None:
    """Rest frequency that a header gives by RESTFRQ, RESTFREQ or RESTWAV; None if it gives none."""
    for card in ("RESTFRQ", "RESTFREQ"):
        if 0 < float(header.get(card, 0.0)) < math.inf:
            return float(header[card])
    wavelength = float(header.get("RESTWAV", 0.0))
    return speed_of_light.value / wavelength if 0 < wavelength < math.inf else None


def standard_type(header: fits.Header, axis: int) -> tuple[str, str | None]:
    """CTYPE of a spectral axis in the words of paper III, and what was assumed for it, if anything.

    Notes
    -----
    AIPS writes the frame into the type (``VELO-LSR``, ``FELO-HEL``, ``FREQ-LSR``) and the definition of velocity into
    VELREF. Its VELO is even in velocity, its FELO even in frequency (AIPS Memo 27 and paper III, Sec. 2.2, 3.5).
    """
    kind = str(header[f"CTYPE{axis}"]).strip().upper()
    first, _, rest = kind.partition("-")
    rest = rest.strip("-")
    if first == "FREQ" and rest in AIPS_FRAMES:
        return "FREQ", None
    if first == "FELO":
        return "VOPT-F2W", None
    if first != "VELO" or (rest and rest not in AIPS_FRAMES):
        return kind, None
    if "VELREF" in header:
        radio = int(header["VELREF"]) > RADIO
        return "VRAD" if radio else "VOPT", None
    if rest:
        return "VRAD", f"CTYPE{axis} is {kind} without VELREF: taken as radio velocity"
    return "VELO", f"CTYPE{axis} is VELO without VELREF: taken as relativistic velocity, as the FITS standard has it"


def standardise_axis(header: fits.Header, axis: int) -> str | None:
    """Write the type of a spectral axis, and the frame that AIPS writes into it, as paper III has them, in place.

    Returns
    -------
    str or None
        What was assumed for it, if anything.
    """
    kind = str(header[f"CTYPE{axis}"])
    named, assumed = standard_type(header, axis)
    frame = AIPS_FRAMES.get(kind.partition("-")[2].strip("-"))
    if named != kind:
        header[f"CTYPE{axis}"] = named
        header.remove("VELREF", ignore_missing=True)  # has been heard, and means nothing beside a standard type
    if frame and "SPECSYS" not in header:
        header["SPECSYS"] = frame
    return assumed


def frequencies(header: fits.Header, n_channels: int) -> np.ndarray:
    """Frequency of each channel in Hz, shape (n_channels,).

    Parameters
    ----------
    header : astropy.io.fits.Header
        As `cubefocus.cube.repair.repaired` gives it.
    n_channels : int

    Raises
    ------
    CubefocusError
        If there is no spectral axis, or it does not say where its channels are.
    """
    axis = spectral_axis(header)
    if axis is None:
        kinds = ", ".join(str(header[f"CTYPE{each}"]) for each in range(3, 6) if header.get(f"CTYPE{each}"))
        held = f"of the axes {kinds} none is spectral" if kinds else "the header has no spectral axis"
        raise CubefocusError(f"{held}: CTYPE3 must be {', '.join(TYPES)}, with CRVAL3, CDELT3, CRPIX3, CUNIT3")
    line, kind = _line(header, axis, n_channels)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FITSFixedWarning)
        try:
            wcs = WCS(line)
            if kind[:4] != "FREQ":
                wcs.wcs.sptr("FREQ-???")
            values = wcs.all_pix2world(np.arange(n_channels), 0)[0]
        except (WcsError, ValueError) as error:
            why = " ".join(str(error).split())
            raise CubefocusError(f"CTYPE{axis} is {header[f'CTYPE{axis}']}, which cannot be read: {why}") from error
    if not (np.isfinite(values) & (values > 0)).all():
        raise CubefocusError(f"axis {axis} ({header[f'CTYPE{axis}']}) has frequencies that are none; correct its cards")
    return values


def _line(header: fits.Header, axis: int, n_channels: int) -> tuple[fits.Header, str]:
    """Header of the spectral axis alone, and its type."""
    kind, _ = standard_type(header, axis)
    unit = read_unit(str(header.get(f"CUNIT{axis}", "")).strip() or str(TYPES[kind[:4]]), f"CUNIT{axis}", "Hz, m/s, m")
    if not unit.is_equivalent(TYPES[kind[:4]]):
        raise CubefocusError(f"CTYPE{axis} is {kind} but CUNIT{axis} is {unit}; correct one of them")
    if kind.endswith("-TAB"):
        raise CubefocusError(f"CTYPE{axis} is {kind}: a table of channels is not read; regrid it along frequency")
    step = axis_step(header, axis)
    if f"CRVAL{axis}" not in header or (step is None and n_channels > 1):
        raise CubefocusError(f"the header does not say where its channels are: add CRVAL{axis} and CDELT{axis}")
    line = fits.Header([("NAXIS", 1), ("NAXIS1", n_channels), ("CTYPE1", kind), ("CUNIT1", unit.to_string("fits"))])
    line["CRVAL1"], line["CRPIX1"] = float(header[f"CRVAL{axis}"]), float(header.get(f"CRPIX{axis}", 0.0))
    line["CDELT1"] = 1.0 if step is None else step
    if step is None:
        line["CRPIX1"] = 1.0
    rest = rest_frequency_hz(header)
    if kind[:4] in NEED_REST and rest is None:
        raise CubefocusError(f"axis {axis} ({kind}) cannot be turned into frequencies without RESTFRQ; add it")
    if rest is not None:
        line["RESTFRQ"] = rest
    return line, kind


def axis_step(header: fits.Header, axis: int) -> float | None:
    """Step of an axis from CDELT, or from a matrix of PC or CD cards; None if there is none.

    Raises
    ------
    CubefocusError
        If the matrix mixes it with another axis.
    """
    for card in header:
        pair = re.fullmatch(r"(?:PC|CD)0*(\d+)_0*(\d+)", card)
        mixed = pair is not None and (int(pair[1]) == axis) != (int(pair[2]) == axis)
        if mixed and header[card] != 0:
            raise CubefocusError(f"{card} mixes the spectral axis with another one; regrid the cube")
    own = next((header[card] for card in (f"CD{axis}_{axis}", f"CD00{axis}00{axis}") if card in header), None)
    if own is not None:
        return float(own) or None
    if f"CDELT{axis}" not in header and f"PC{axis}_{axis}" not in header:
        return None
    return float(header.get(f"CDELT{axis}", 1.0)) * float(header.get(f"PC{axis}_{axis}", 1.0)) or None
