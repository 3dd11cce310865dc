"""Images on disk for the denoiser: read in parts in Jy/arcsec^2, and results written in parts with the same header."""

from __future__ import annotations

import math
import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.utils.exceptions import AstropyUserWarning

from cubefocus.cube.beams import header_beam
from cubefocus.cube.scale import gaussian_area
from cubefocus.cube.units import read_unit
from cubefocus.cube.windows import Stored
from cubefocus.errors import CubefocusError
from cubefocus.files import refuse_missing

BRIGHTNESS, PER_BEAM = u.Jy / u.arcsec**2, u.Jy / u.beam
OF_VALUES = ("BSCALE", "BZERO", "BLANK", "DATAMIN", "DATAMAX", "CHECKSUM", "DATASUM", "PROVENAN")
AT_A_TIME = 1_000_000  # pixels that are looked at for the limits of an image


@dataclass(frozen=True)
class ImageFile:
    """An image on disk.

    Attributes
    ----------
    stored : Stored
        Where its values are, all axes of the file.
    header : astropy.io.fits.Header
        Of the file, without what says how its values are stored and how it was made.
    factor : float
        From its unit to Jy/arcsec^2.
    """

    stored: Stored
    header: fits.Header
    factor: float

    @property
    def path(self) -> Path:
        """Of the file."""
        return self.stored.path

    @property
    def shape(self) -> tuple[int, int]:
        """(y, x)."""
        n_y, n_x = self.stored.shape[-2:]
        return n_y, n_x

    def read(self, y: tuple[int, int], x: tuple[int, int]) -> np.ndarray:
        """Rows and columns from the first to the last + 1, float32 in Jy/arcsec^2; NaN for blanks and infinities."""
        mapped = self.stored.mapped()
        part = mapped.reshape(mapped.shape[-2:])[y[0] : y[1], x[0] : x[1]]
        out = np.empty(part.shape, dtype=np.float32)
        self.stored.values(part, out, self.factor)  # the mapping ends here, and with it the pages that were read
        return out

    def take(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Pixels of some rows and columns in any order, shape (rows, columns); as `read`."""
        first_y, first_x = int(rows.min()), int(columns.min())
        part = self.read((first_y, int(rows.max()) + 1), (first_x, int(columns.max()) + 1))
        return part[np.ix_(rows - first_y, columns - first_x)]

    def limits(self) -> tuple[float, float]:
        """Lowest and highest flux density in Jy/arcsec^2; infinite and the wrong way round if there are no pixels."""
        least, most = math.inf, -math.inf
        n_y, n_x = self.shape
        step = max(1, AT_A_TIME // n_x)
        for start in range(0, n_y, step):
            part = self.read((start, min(start + step, n_y)), (0, n_x))
            if np.isfinite(part).any():
                least, most = min(least, float(np.nanmin(part))), max(most, float(np.nanmax(part)))
        return least, most


def open_image(path: str | Path, plain: bool = False) -> ImageFile:
    """Look at the first image of a FITS file, without reading its values.

    Parameters
    ----------
    path : str or Path
    plain : bool
        Take the values as they are, without a unit: probabilities.

    Raises
    ------
    CubefocusError
        If the file is absent, is not FITS, is compressed or truncated, if its first image is a cube, or if its unit
        is neither a surface brightness nor a flux in a beam that its header has.
    """
    path = Path(path)
    refuse_missing(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AstropyUserWarning)  # of a file that is cut off, among others: said below
            with fits.open(path, memmap=True, do_not_scale_image_data=True) as hdus:
                hdu = next((one for one in hdus if one.is_image and one.shape), None)
                if hdu is None:
                    raise CubefocusError("holds no image; give a FITS image in Jy/arcsec2 or Jy/beam")
                stored, header = _stored(hdu, path), hdu.header.copy()
        factor = 1.0 if plain else _factor(header)
    except CubefocusError as error:
        raise CubefocusError(f"{path}: {error}") from error
    except (OSError, EOFError, TypeError, ValueError) as error:
        raise CubefocusError(f"{path}: not a readable FITS file ({error}); make or fetch it again") from error
    for key in OF_VALUES:
        header.remove(key, ignore_missing=True)
    return ImageFile(stored, header, factor)


def _stored(hdu: Any, path: Path) -> Stored:
    """Where the values of an image are."""
    shape = tuple(hdu.shape)
    if len(shape) < 2:
        raise CubefocusError(f"holds {shape[0]} values in a row and no image; give a FITS image")
    if math.prod(shape[:-2]) > 1:
        axes = " x ".join(map(str, reversed(shape)))
        raise CubefocusError(f"is a cube of {axes} pixels and no image; give one channel of it, or a continuum image")
    with open(path, "rb") as stream:
        plain = stream.read(9) == b"SIMPLE  ="
    if not plain or isinstance(hdu, fits.CompImageHDU):
        raise CubefocusError("is compressed, so that no part can be read alone; unpack it first (gunzip, funpack)")
    header, where = hdu.header, hdu.fileinfo()
    kind = np.dtype(fits.BITPIX2DTYPE[header["BITPIX"]]).newbyteorder(">")
    needed, size = where["datLoc"] + math.prod(shape) * kind.itemsize, os.path.getsize(path)
    if size < needed:
        raise CubefocusError(f"truncated, {size} bytes of {needed}; delete it and make or fetch it again")
    scale, zero, blank = header.get("BSCALE", 1.0), header.get("BZERO", 0.0), header.get("BLANK")
    return Stored(
        path, where["datLoc"], kind.str, shape, float(scale), float(zero), None if blank is None else int(blank)
    )


def _factor(header: fits.Header) -> float:
    """From the unit of an image to Jy/arcsec^2."""
    text = str(header.get("BUNIT", "")).strip()
    if not text:
        raise CubefocusError("has no unit (BUNIT); add it, Jy/arcsec2 or Jy/beam")
    unit = read_unit(text)
    if unit.is_equivalent(BRIGHTNESS):
        return float(unit.to(BRIGHTNESS))
    if not unit.is_equivalent(PER_BEAM):
        raise CubefocusError(f"is in {text}, which is no flux density in an area; convert it to Jy/arcsec2 or Jy/beam")
    beam = header_beam(header)
    if beam is None:
        raise CubefocusError(f"is in {text} and has no beam (BMAJ, BMIN), so that nothing says its area; add it")
    return float(unit.to(PER_BEAM)) / gaussian_area(beam[0], beam[1])


def write_part(path: Path, offset: int, n_x: int, y: int, x: int, values: np.ndarray) -> None:
    """Write a part of an image of float32 where it belongs in its file.

    Row by row, and not through a mapping of the file: processes on several nodes that write parts side by side then
    share no page of it.

    Parameters
    ----------
    path : Path
    offset : int
        Of the first value of the image, bytes.
    n_x : int
        Pixels of its rows.
    y, x : int
        Of the first pixel of the part.
    values : ndarray, shape (y, x)
    """
    rows = np.ascontiguousarray(values, dtype=">f4")
    file = os.open(path, os.O_WRONLY)
    try:
        if rows.shape[1] == n_x:
            rows = rows.reshape(1, -1)
        for number, row in enumerate(rows):
            _write_all(file, row.tobytes(), offset + 4 * ((y + number) * n_x + x))
    finally:
        os.close(file)


def _write_all(file: int, content: bytes, place: int) -> None:
    done = 0
    while done < len(content):
        done += os.pwrite(file, content[done:], place + done)
