"""Cubes: reading and writing them whole or not at all, with units, WCS and provenance."""

from __future__ import annotations

import gzip
import json
import math
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.constants import c as speed_of_light
from astropy.io import fits
from astropy.io.fits.hdu.compressed import SUBTRACTIVE_DITHER_1
from astropy.io.fits.verify import VerifyWarning
from astropy.wcs import WCS, FITSFixedWarning
from astropy.wcs.utils import proj_plane_pixel_scales

from cubefocus.errors import CubefocusError
from cubefocus.files import atomic_path
from cubefocus.provenance import decode

STEPS_PER_NOISE = 8  # of compressed cubes: adds 0.07 % to the noise


@dataclass
class Cube:
    """A spectral cube with the header that places it on the sky.

    Attributes
    ----------
    data : ndarray of float32, shape (channel, y, x)
        Jy/beam for a dirty cube, Jy/pixel for a sky cube; NaN outside the primary beam cut.
    header : astropy.io.fits.Header
        Celestial axes first, spectral axis third, as FITS orders them.
    """

    data: np.ndarray
    header: fits.Header

    @property
    def wcs(self) -> WCS:
        """Celestial WCS (two axes, 0-based pixel coordinates with ``pixel_to_world``)."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FITSFixedWarning)  # dates and units that astropy normalises
            return WCS(self.header).celestial

    @property
    def cell_arcsec(self) -> float:
        """Pixel size along y in arcsec; NaN if the header has no celestial axes."""
        wcs = self.wcs
        return float(proj_plane_pixel_scales(wcs)[1]) * 3600.0 if wcs.naxis == 2 else math.nan

    @property
    def beam(self) -> tuple[float, float, float] | None:
        """Major and minor axis (FWHM, arcsec) and position angle (deg) of the synthesised beam; None if not given."""
        if "BMAJ" not in self.header or "BMIN" not in self.header:
            return None
        major, minor = (float(self.header[key]) * 3600.0 for key in ("BMAJ", "BMIN"))
        return major, minor, float(self.header.get("BPA", 0.0))

    @property
    def frequencies_hz(self) -> np.ndarray:
        """Frequency of each channel in Hz, from a linear FREQ axis or a radio velocity axis with RESTFRQ."""
        return _frequencies(self.header, self.data.shape[0])


def _spectral_axis(header: fits.Header) -> int | None:
    for axis in range(1, int(header["NAXIS"]) + 1):
        if str(header.get(f"CTYPE{axis}", "")).upper().split("-")[0] in {"FREQ", "VELO", "VRAD", "FELO", "VOPT"}:
            return axis
    return None


def _frequencies(header: fits.Header, n_channels: int) -> np.ndarray:
    axis = _spectral_axis(header)
    if axis is None:
        raise CubefocusError("the header has no FREQ, VELO or VRAD axis: add CTYPE3, CRVAL3, CDELT3, CRPIX3")
    # A matrix of CD cards takes the place of CDELT.
    step = header.get(f"CD{axis}_{axis}", header.get(f"CDELT{axis}"))
    if f"CRVAL{axis}" not in header or not (step or n_channels == 1):
        raise CubefocusError(f"the header does not say where its channels are: add CRVAL{axis} and CDELT{axis}")
    world = header[f"CRVAL{axis}"] + (np.arange(n_channels) + 1 - header.get(f"CRPIX{axis}", 1.0)) * (step or 0.0)
    kind = str(header[f"CTYPE{axis}"]).upper().split("-")[0]
    if kind == "FREQ":
        return (world * u.Unit(header.get(f"CUNIT{axis}") or "Hz")).to_value(u.Hz)
    rest = float(header.get("RESTFRQ", header.get("RESTFREQ", 0.0)))
    if rest <= 0:
        raise CubefocusError(f"the {kind} axis of the header cannot be turned into frequencies without RESTFRQ")
    ratio = (world * u.Unit(header.get(f"CUNIT{axis}") or "m/s")).to_value(u.m / u.s) / speed_of_light.value
    return rest / (1.0 + ratio) if kind in {"FELO", "VOPT"} else rest * (1.0 - ratio)


def read_cube(path: str | Path) -> Cube:
    """Read a FITS cube of 2, 3 or 4 axes (Stokes I), plain or gzipped.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    Cube
        Data as float32 in the order (channel, y, x), header with two celestial axes and the spectral one third.

    Raises
    ------
    CubefocusError
        If the file is absent, is not FITS, is truncated, or has no image of two to four axes.
    """
    path = Path(path)
    if not path.is_file():
        raise CubefocusError(f"{path}: no such file; check the path")
    _refuse_truncated(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", VerifyWarning)
            with fits.open(path) as hdus:  # mapped: the values are copied once, into native order
                hdu = next((h for h in hdus if h.is_image and h.header["NAXIS"] >= 2), None)
                if hdu is None:
                    raise CubefocusError(f"{path}: holds no image; give a FITS cube with axes RA, Dec, frequency")
                data, header = np.asarray(hdu.data, dtype=np.float32), hdu.header.copy()
    except (OSError, EOFError, TypeError, ValueError) as error:
        raise CubefocusError(f"{path}: not a readable FITS file ({error}); make or fetch it again") from error
    return _three_axes(data, header, path)


def _refuse_truncated(path: Path) -> None:
    """Compare the size of an uncompressed FITS file with the size that its headers promise."""
    if path.suffix == ".gz":
        with gzip.open(path) as stream:
            try:
                while stream.read(1 << 24):
                    pass
            except (EOFError, OSError) as error:
                raise CubefocusError(f"{path}: truncated or damaged ({error}); make or fetch it again") from error
        return
    size = path.stat().st_size
    with open(path, "rb") as stream:
        if stream.read(9) != b"SIMPLE  =":
            raise CubefocusError(f"{path}: not a FITS file; give a FITS cube with axes RA, Dec, frequency")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with fits.open(path, memmap=True) as hdus:
                needed = max(hdu._data_offset + hdu._data_size for hdu in hdus)
    except OSError as error:
        raise CubefocusError(f"{path}: truncated or damaged ({error}); delete it and make it again") from error
    if size < needed:
        raise CubefocusError(f"{path}: truncated, {size} bytes of {needed}; delete it and make it again")


def _three_axes(data: np.ndarray, header: fits.Header, path: Path) -> Cube:
    """Bring an image of 2 to 4 axes to (channel, y, x) and make the header agree."""
    spectral = _spectral_axis(header)
    if spectral is not None and spectral < 3:
        raise CubefocusError(f"{path}: its axis {spectral} is the spectral one; reorder its axes to RA, Dec, frequency")
    if data.ndim == 2:
        data = data[np.newaxis]
    elif data.ndim == 4:
        channel_axis = 4 - (spectral or 3)
        if data.shape[1 - channel_axis] != 1:
            raise CubefocusError(f"{path}: has {data.shape[1 - channel_axis]} Stokes planes; give Stokes I only")
        data = data.reshape(data.shape[channel_axis], *data.shape[2:])
    elif data.ndim != 3:
        raise CubefocusError(f"{path}: has {data.ndim} axes; a cube has RA, Dec, frequency and perhaps Stokes")
    return Cube(data, _spectral_third(header, spectral, data.shape))


def _spectral_third(header: fits.Header, spectral: int | None, shape: tuple[int, ...]) -> fits.Header:
    kept = header.copy()
    keys = ("CTYPE", "CRVAL", "CDELT", "CRPIX", "CUNIT")
    values = {key: kept.get(f"{key}{spectral}") for key in keys} if spectral else {}
    matrix = kept.get(f"CD{spectral}_{spectral}")
    for axis in (3, 4):
        for key in (*keys, "NAXIS", "CROTA"):
            kept.remove(f"{key}{axis}", ignore_missing=True)
    for card in list(kept):
        pair = re.fullmatch(r"(?:PC|CD)(\d+)_(\d+)", card)
        if pair and max(map(int, pair.groups())) > 2:
            kept.remove(card)
    if matrix is not None:
        kept["CD3_3"] = matrix
    kept["NAXIS"] = 3
    for axis, size in enumerate(reversed(shape), start=1):
        kept[f"NAXIS{axis}"] = size
    for key, value in values.items():
        if value is not None:
            kept[f"{key}3"] = value
    kept["WCSAXES"] = 3 if values else 2
    return kept


def read_unit(text: str) -> u.UnitBase:
    """Unit of a BUNIT card; older programs write it in capitals, ``JY/BEAM``.

    Raises
    ------
    CubefocusError
        If it is none.
    """
    spelled = {"JY/BEAM": "Jy/beam", "JY/PIXEL": "Jy/pixel"}.get(text.upper(), text)
    for style in ("fits", "generic"):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", u.UnitsWarning)
                return u.Unit(spelled, format=style)
        except ValueError:
            continue
    raise CubefocusError(f"BUNIT is '{text}', which cannot be read; write it as Jy/beam, mJy/beam, Jy/pixel, ...")


def write_cube(
    path: str | Path,
    data: np.ndarray,
    header: fits.Header,
    provenance: Mapping[str, Any],
    compress_seed: int | None = None,
) -> None:
    """Write a cube as FITS float32 with its provenance as one JSON text in the keyword ``PROVENAN``.

    Parameters
    ----------
    path : str or Path
    data : ndarray, shape (channel, y, x)
    header : astropy.io.fits.Header
    provenance : mapping
        As made by `cubefocus.provenance.provenance`.
    compress_seed : int, optional
        Compress the cube plane by plane in the way of the FITS standard (Rice coding of values in steps of
        1 / `STEPS_PER_NOISE` of the plane's noise, dithered by this seed; planes without noise lose nothing). Programs
        that read FITS read it as they read any other cube.
    """
    data = np.asarray(data, dtype=np.float32)
    hdu: Any
    if compress_seed is None:
        hdu = fits.PrimaryHDU(data, header)
    else:
        hdu = fits.CompImageHDU(
            data,
            header,
            compression_type="RICE_1",
            tile_shape=(1, *data.shape[1:]),
            quantize_level=STEPS_PER_NOISE,
            quantize_method=SUBTRACTIVE_DITHER_1,
            dither_seed=1 + compress_seed % 10000,  # the standard's range
        )
    hdu.header["PROVENAN"] = json.dumps(provenance, sort_keys=True)
    with atomic_path(path) as temporary:
        hdu.writeto(temporary)


def cube_provenance(path: str | Path) -> dict[str, Any]:
    """Read what `write_cube` wrote about how a cube was made, without its values.

    Raises
    ------
    CubefocusError
        If the file is absent, truncated, no FITS file, or does not say it.
    """
    path = Path(path)
    _refuse_truncated(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VerifyWarning)
        with fits.open(path) as hdus:
            texts = [hdu.header["PROVENAN"] for hdu in hdus if "PROVENAN" in hdu.header]
    return decode(texts[0] if texts else None, path)


def with_beam(header: fits.Header, beams: Sequence[Sequence[float]], telescope: str) -> fits.Header:
    """Add the beam of the channel with the median beam area and the telescope to a header, and return it.

    ``beams`` has (major arcsec, minor arcsec, position angle deg) of each channel.
    """
    areas = np.array([major * minor for major, minor, _ in beams])
    major, minor, angle = (float(value) for value in beams[int(np.argsort(areas)[(len(areas) - 1) // 2])])
    header["BMAJ"], header["BMIN"], header["BPA"] = major / 3600.0, minor / 3600.0, angle
    header.comments["BMAJ"] = "[deg] FWHM, channel of median beam"
    header["TELESCOP"] = telescope.strip() or "unknown"
    return header
