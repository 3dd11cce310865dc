"""Cubes: reading and writing them whole or not at all, with units, WCS and provenance."""

from __future__ import annotations

import gzip
import json
import logging
import math
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.io.fits.hdu.compressed import SUBTRACTIVE_DITHER_1
from astropy.io.fits.verify import VerifyWarning
from astropy.wcs import WCS, FITSFixedWarning
from astropy.wcs.utils import proj_plane_pixel_scales

from cubefocus.cube.beams import settle_beam
from cubefocus.cube.blanks import LARGEST
from cubefocus.cube.repair import SPELLINGS, read_unit, repaired
from cubefocus.cube.spectral import axis_step, frequencies, rest_frequency_hz, spectral_axis, standardise_axis
from cubefocus.errors import CubefocusError
from cubefocus.files import atomic_path
from cubefocus.provenance import decode

logger = logging.getLogger(__name__)

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
    beams : ndarray of float, shape (channel, 3), optional
        Where the file has a table of them: major and minor axis in arcsec and position angle in deg of each channel,
        NaN where it has none. `beam` is then their median.
    """

    data: np.ndarray
    header: fits.Header
    beams: np.ndarray | None = None

    @property
    def wcs(self) -> WCS:
        """Celestial WCS (two axes, 0-based pixel coordinates with ``pixel_to_world``)."""
        return celestial(self.header)

    @property
    def cell_arcsec(self) -> float:
        """Pixel size along y in arcsec; NaN if the header has no celestial axes."""
        wcs = self.wcs
        return float(proj_plane_pixel_scales(wcs)[1]) * 3600.0 if wcs.naxis == 2 else math.nan

    @property
    def beam(self) -> tuple[float, float, float] | None:
        """Major and minor axis (FWHM, arcsec) and position angle (deg) of the synthesised beam; None if not given."""
        major, minor = (float(self.header.get(key, math.nan)) * 3600.0 for key in ("BMAJ", "BMIN"))
        return (major, minor, float(self.header.get("BPA", 0.0))) if major > 0 and minor > 0 else None

    @property
    def frequencies_hz(self) -> np.ndarray:
        """Frequency of each channel in Hz, whatever the convention of the spectral axis."""
        return frequencies(self.header, self.data.shape[0])

    @property
    def rest_frequency_hz(self) -> float | None:
        """Rest frequency of the line that the header gives; None if it gives none."""
        return rest_frequency_hz(self.header)


def celestial(header: fits.Header) -> WCS:
    """Celestial WCS of a header, two axes; none if its first two axes are not celestial."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FITSFixedWarning)  # dates and units that astropy normalises
        return WCS(header, naxis=2).celestial


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
                images = [h for h in hdus if h.is_image and h.header["NAXIS"] >= 2]
                # A mask, of integers, may stand before the cube.
                hdu = next((h for h in images if h.header["BITPIX"] < 0 or "BSCALE" in h.header), [*images, None][0])
                if hdu is None:
                    raise CubefocusError(f"{path}: holds no image; give a FITS cube with axes RA, Dec, frequency")
                data, header = np.array(hdu.data, dtype=np.float32), hdu.header.copy()
                tables = [h for h in hdus if isinstance(h, fits.BinTableHDU) and {"BMAJ", "BMIN"} <= {*h.columns.names}]
                table = tables[0].copy() if tables else None
    except (OSError, EOFError, TypeError, ValueError) as error:
        raise CubefocusError(f"{path}: not a readable FITS file ({error}); make or fetch it again") from error
    return _settled(data, header, table, path)


def _settled(data: np.ndarray, header: fits.Header, table: fits.BinTableHDU | None, path: Path) -> Cube:
    """Cube of what a file holds, with its header repaired; what was assumed is said."""
    try:
        header, said = repaired(header)
        data, header = _three_axes(data, header)
        axis = spectral_axis(header)
        if axis is not None:
            assumed = standardise_axis(header, axis)
            said += [assumed] if assumed else []
        beams = settle_beam(header, table, said)
        _check_celestial(header, data.shape)
        if "BUNIT" in header:
            header["BUNIT"] = _spelled_unit(str(header["BUNIT"]))
    except CubefocusError as error:
        raise CubefocusError(f"{path}: {error}") from error
    _blank_what_is_no_flux(data, said)
    for text in said:
        logger.warning("%s: %s", path, text)
    return Cube(data, header, beams)


def _spelled_unit(text: str) -> str:
    """A unit in one of the known spellings as FITS spells it; any other as it is, for those who need one to refuse."""
    try:
        read_unit(text)
    except CubefocusError:
        return text
    return SPELLINGS.get(" ".join(text.split()).upper(), text) if text != text.lower() else text


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


def _three_axes(data: np.ndarray, header: fits.Header) -> tuple[np.ndarray, fits.Header]:
    """Bring an image of 2 to 4 axes to (channel, y, x) and make the header agree."""
    spectral = spectral_axis(header)
    if spectral is not None and spectral < 3:
        raise CubefocusError(f"its axis {spectral} is the spectral one; reorder its axes to RA, Dec, frequency")
    if data.ndim == 2:
        data = data[np.newaxis]
    elif data.ndim == 4:
        channel_axis = 4 - (spectral or 3)
        if data.shape[1 - channel_axis] != 1:
            raise CubefocusError(f"has {data.shape[1 - channel_axis]} Stokes planes; give Stokes I only")
        data = data.reshape(data.shape[channel_axis], *data.shape[2:])
    elif data.ndim != 3:
        raise CubefocusError(f"has {data.ndim} axes; a cube has RA, Dec, frequency and perhaps Stokes")
    return data, _spectral_third(header, spectral, data.shape)


def _spectral_third(header: fits.Header, spectral: int | None, shape: tuple[int, ...]) -> fits.Header:
    kept = header.copy()
    keys = ("CTYPE", "CRVAL", "CDELT", "CRPIX", "CUNIT")
    values = {key: kept.get(f"{key}{spectral}") for key in keys} if spectral else {}
    step = axis_step(header, spectral) if spectral else None
    matrix = any(re.fullmatch(r"CD\d+_\d+", card) for card in kept)
    for axis in (3, 4, 5):
        for key in (*keys, "NAXIS", "CROTA"):
            kept.remove(f"{key}{axis}", ignore_missing=True)
    for card in list(kept):
        pair = re.fullmatch(r"(?:PC|CD)(\d+)_(\d+)", card)
        if pair and max(map(int, pair.groups())) > 2:
            kept.remove(card)
    kept["NAXIS"] = 3
    for axis, size in enumerate(reversed(shape), start=1):
        kept[f"NAXIS{axis}"] = size
    for key, value in values.items():
        if value is not None:
            kept[f"{key}3"] = value
    if step is not None:
        kept["CDELT3"] = step
        if matrix:  # beside CD cards those of CDELT do not count
            kept["CD3_3"] = step
    kept["WCSAXES"] = 3 if values else 2
    return kept


def _blank_what_is_no_flux(data: np.ndarray, said: list[str]) -> None:
    """Make NaN, in place, of infinities and of numbers that no unit of flux has, such as a float's largest."""
    number = 0
    for plane in data:
        bad = np.abs(plane) >= LARGEST
        if bad.any():
            number += int(bad.sum())
            plane[bad] = np.nan
    if number:
        said.append(f"{number} values are infinite or above {LARGEST:g}: taken as blank")


def _check_celestial(header: fits.Header, shape: tuple[int, ...]) -> None:
    """Refuse celestial axes that give no positions, before anything is searched."""
    kinds = [str(header.get(f"CTYPE{axis}", "")) for axis in (1, 2)]
    if not any(kinds):
        return
    if not all(kinds):
        raise CubefocusError(f"has CTYPE{2 if kinds[0] else 1} missing beside {max(kinds)}; add it")
    try:
        wcs = celestial(header)
        corner = wcs.pixel_to_world(shape[2] // 2, shape[1] // 2) if wcs.naxis == 2 else None
        lost = corner is not None and not math.isfinite(corner.spherical.lat.deg)
    except Exception as error:  # wcslib and astropy have many; whichever it is, the header has no positions
        why = " ".join(str(error).split())
        raise CubefocusError(f"its axes {kinds[0]} and {kinds[1]} give no positions ({why}); correct them") from error
    if lost or abs(float(header.get("CRVAL2", 0.0)) * _degrees(header, 2)) > 90.0:
        raise CubefocusError(
            f"its axes {kinds[0]} and {kinds[1]} give no positions; correct CRVAL1, CRVAL2, CRPIX, CDELT"
        )


def _degrees(header: fits.Header, axis: int) -> float:
    unit = read_unit(str(header.get(f"CUNIT{axis}", "") or "deg"), f"CUNIT{axis}", "deg")
    if not unit.is_equivalent(u.deg):
        raise CubefocusError(f"CUNIT{axis} is {unit}, which is no angle; write deg")
    return unit.to(u.deg)


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
