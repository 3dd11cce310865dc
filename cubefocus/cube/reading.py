"""Reading cubes: the right image of a file, its header mended, its values in one type and order."""

from __future__ import annotations

import gzip
import logging
import math
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.constants import c, k_B
from astropy.io import fits
from astropy.io.fits.verify import VerifyWarning

from cubefocus.cube import axes
from cubefocus.cube.beams import header_beam, median_beam, set_beam, table_beams
from cubefocus.cube.cube import Cube
from cubefocus.cube.repair import clean, finite
from cubefocus.cube.scale import gaussian_area
from cubefocus.cube.spectral import frequencies
from cubefocus.cube.units import read_unit
from cubefocus.cube.windows import Stored, Windows
from cubefocus.errors import CubefocusError
from cubefocus.files import refuse_missing
from cubefocus.provenance import decode

log = logging.getLogger(__name__)

JANSKY = 1e-26  # W / m^2 / Hz
NOT_A_CUBE = ("MASK", "FLAG", "WEIGHT", "WHT", "ERR", "VAR", "NOISE", "RMS", "DQ", "MODEL")


def read_cube(path: str | Path, own: bool = False, most: float = math.inf) -> Cube:
    """Read a FITS cube or image, plain, gzipped or compressed by tiles.

    What was assumed or mended is said as a warning with the file's name, once a reading.

    Parameters
    ----------
    path : str or Path
        Of two celestial axes, perhaps a spectral one and others of one pixel, in any order. An image is a cube of one
        channel.
    own : bool
        Whether this program made it: then nothing is said.
    most : float
        Bytes of float32 that are read into memory; of a larger cube the data are `cubefocus.cube.windows.Windows`.

    Returns
    -------
    Cube
        Data as float32 in the order (channel, y, x), NaN for infinities; header with two celestial axes and the
        spectral one third, see `cubefocus.cube.repair.clean`.

    Raises
    ------
    CubefocusError
        If the file is absent, is not FITS, is truncated, has no image of two or more axes, or one whose header does
        not place it on the sky; or is compressed and larger than ``most``.
    """
    path = Path(path)
    refuse_missing(path)
    _refuse_truncated(path)
    notes: list[str] = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", VerifyWarning)
            with fits.open(path) as hdus:  # mapped: the values are copied once, into native order
                cube = _read(hdus, notes, path, most)
    except CubefocusError as error:
        raise CubefocusError(f"{path}: {error}") from error
    except (OSError, EOFError, TypeError, ValueError) as error:
        raise CubefocusError(f"{path}: not a readable FITS file ({error}); make or fetch it again") from error
    for note in notes if not own else ():
        log.warning("%s: %s", path, note)
    return cube


def _read(hdus: fits.HDUList, notes: list[str], path: Path, most: float) -> Cube:
    hdu = _image(hdus, notes)
    repaired = clean(hdu.header, hdu.shape)
    notes += repaired.notes
    header = repaired.header
    if 4.0 * math.prod(hdu.shape) > most:
        data: Any = _windows(hdu, path, repaired.order, most)
    else:
        data = _in_memory(hdu, repaired.order, notes)
    n_channels = len(data)
    beams = table_beams(hdus, n_channels, notes)
    if beams is not None:
        _use_beams(header, beams, notes)
    elif header.get("CASAMBM") is True and header_beam(header) is None:
        notes.append("CASAMBM says that each channel has its beam, but there is no table of beams")
    channels_hz = None
    if "-TAB" in str(header.get("CTYPE3", "")):
        channels_hz = frequencies(header, np.arange(n_channels), hdus)
    elif n_channels == 1:
        try:
            frequencies(header, np.arange(1))
        except CubefocusError as error:
            notes.append(f"an image of unknown frequency ({error})")
    return Cube(data, header, beams, channels_hz)


def _in_memory(hdu: Any, order: Sequence[int], notes: list[str]) -> np.ndarray:
    with np.errstate(over="ignore"):  # what float32 cannot hold is infinite, and said below
        data = np.asarray(hdu.data, dtype=np.float32)
    data, infinite = finite(_ordered(data, order))
    if infinite:
        notes.append(f"{infinite} infinite values were taken as blank (NaN)")
    return data


def _windows(hdu: Any, path: Path, order: Sequence[int], most: float) -> Windows:
    """The values of an image that lies in its file as it is, to be read in parts."""
    if path.suffix == ".gz" or isinstance(hdu, fits.CompImageHDU):
        raise CubefocusError(
            f"holds {4e-9 * math.prod(hdu.shape):.3g} GB, more than the {1e-9 * most:.3g} GB that are read at once, "
            "and is compressed, so that no part can be read alone; unpack it first (gunzip, funpack), or give more "
            "memory"
        )
    where, n_axes = hdu.fileinfo(), len(hdu.shape)
    with open(path, "rb") as stream:  # where the values were looked at, astropy's own header is that of scaled ones
        stream.seek(where["hdrLoc"])
        header = fits.Header.fromfile(stream)
    kind = fits.BITPIX2DTYPE[header["BITPIX"]]
    blank = header.get("BLANK")
    stored = Stored(
        path, where["datLoc"], np.dtype(kind).newbyteorder(">").str, tuple(hdu.shape),
        float(header.get("BSCALE", 1.0)), float(header.get("BZERO", 0.0)), None if blank is None else int(blank),
    )  # fmt: skip
    return Windows(stored, tuple(n_axes - axis for axis in reversed(order) if axis <= n_axes))


def _image(hdus: fits.HDUList, notes: list[str]) -> Any:
    """The image that is the cube: one on the sky rather than one that is not, values rather than a mask."""
    images = [hdu for hdu in hdus if hdu.is_image and len(hdu.shape) >= 2 and all(hdu.shape)]
    if not images:
        raise CubefocusError("holds no image; give a FITS cube with axes RA, Dec, frequency")
    chosen = max(images, key=_rank) if len(images) > 1 else images[0]  # the first of equals
    if len(images) > 1:
        others = ", ".join(repr(hdu.name or "PRIMARY") for hdu in images if hdu is not chosen)
        notes.append(f"holds {len(images)} images; {chosen.name or 'PRIMARY'!r} is taken, not {others}")
    return chosen


def _rank(hdu: Any) -> tuple[bool, bool, bool]:
    header = hdu.header
    kinds = [axes.kind_of(header, axis) for axis in range(1, len(hdu.shape) + 1)]
    on_sky = any(map(axes.is_longitude, kinds)) and any(map(axes.is_latitude, kinds))
    name = f"{hdu.name} {header.get('BTYPE', '')}".upper()
    whole = header["BITPIX"] > 0 and header.get("BSCALE", 1) == 1
    return not any(word in name for word in NOT_A_CUBE), not whole and not _is_mask(hdu.data), on_sky


def _is_mask(data: np.ndarray) -> bool:
    """Whether an array has only the values 0 and 1: looked at once, because a mask may be of any type."""
    planes = data.reshape(-1, *data.shape[-2:])
    return all(bool(((plane == 0) | (plane == 1)).all()) for plane in planes)


def _ordered(data: np.ndarray, order: Sequence[int]) -> np.ndarray:
    """Array of a file with the axes of this order (FITS numbers, fastest first), shape (channel, y, x)."""
    n_axes = data.ndim
    places = [n_axes - axis for axis in reversed(order) if axis <= n_axes]
    rest = [place for place in range(n_axes) if place not in places]  # of one pixel
    turned = data.transpose(rest + places)
    shape = turned.shape[len(rest) :]
    return np.ascontiguousarray(turned.reshape(shape if len(shape) == 3 else (1, *shape)))


def _use_beams(header: fits.Header, beams: np.ndarray, notes: list[str]) -> None:
    major, minor, angle = median_beam(beams)
    set_beam(header, (major, minor, angle))
    known = beams[np.isfinite(beams).all(axis=1)]
    if np.ptp(known, axis=0).any():
        extent = f"{known[:, 0].min():.3g} to {known[:, 0].max():.3g} arcsec"
        one = f"{major:.3g} x {minor:.3g} arcsec"
        notes.append(f"has a beam for each channel, {extent}; where one is needed, that of median area is taken, {one}")


def in_jy_per_beam(cube: Cube, path: str | Path) -> Cube:
    """A cube in Jy/beam from any multiple of it or from K, and a map of moment 0 in Jy/beam km/s.

    Brightness temperatures are those of Rayleigh and Jeans, as radio interferometry has them: 2 k nu^2 / c^2 times the
    area of the beam is the flux density in a beam for a kelvin, channel by channel.

    Parameters
    ----------
    cube : Cube
    path : str or Path
        For what is said.

    Raises
    ------
    CubefocusError
        If the header does not say where the channels are, or the unit is no flux in a beam; of a cube in K, if it has
        no beam or no frequency, or is read in parts.
    """
    text = str(cube.header.get("BUNIT", "")).strip()
    try:
        _ = cube.frequencies_hz
        if text and read_unit(text).is_equivalent(u.K):
            return _from_kelvin(cube, float(read_unit(text).to(u.K)), path)
        factor = 1.0 if not text else _flux_factor(text, cube, path)
    except CubefocusError as error:
        raise CubefocusError(f"{path}: {error}") from error
    if not text:
        log.warning("%s: has no BUNIT, taken as Jy/beam", path)
    return cube if factor == 1.0 else _in_jy(cube, cube.data * np.float32(factor))


def _from_kelvin(cube: Cube, scale: float, path: str | Path) -> Cube:
    """A cube in K (times a scale) in Jy/beam."""
    if not isinstance(cube.data, np.ndarray):
        raise CubefocusError("is in K, and larger than what is read at once; convert it to Jy/beam first")
    if cube.beam is None:
        raise CubefocusError("is in K and has no beam (BMAJ, BMIN), so that nothing says what a beam holds; add it")
    hz = cube.frequencies_hz
    if not np.isfinite(hz).all():
        raise CubefocusError("is in K and does not say its frequency; add RESTFRQ, or a frequency axis")
    beams = [cube.beam] * len(hz) if cube.beams is None else cube.beams.tolist()
    area = np.array([gaussian_area(major, minor) for major, minor, _ in beams]) * (u.arcsec**2).to(u.sr)
    factor = scale * 2.0 * k_B.value * hz**2 / c.value**2 * area / JANSKY
    log.info("%s: is in K, taken as Jy/beam by the factors %.4g to %.4g", path, np.nanmin(factor), np.nanmax(factor))
    return _in_jy(cube, (cube.data * factor[:, None, None]).astype(np.float32))


def _in_jy(cube: Cube, data: Any) -> Cube:
    """A cube with other values and the unit that they are in."""
    header = cube.header.copy()
    header["BUNIT"] = "Jy/beam"
    return replace(cube, data=data, header=header)


def _flux_factor(text: str, cube: Cube, path: str | Path) -> float:
    flux, moment = u.Jy / u.beam, u.Jy / u.beam * u.km / u.s
    unit = read_unit(text)
    if unit.is_equivalent(flux):
        return float(unit.to(flux))
    if unit.is_equivalent(moment) and len(cube.data) == 1:
        log.warning("%s: is a map of moment 0 in %s; where the catalogue says Jy it is Jy km/s", path, text)
        return float(unit.to(moment))
    raise CubefocusError(f"is in {text}, not in Jy/beam or a multiple of it; convert it first")


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
