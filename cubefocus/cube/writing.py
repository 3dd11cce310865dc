"""Writing cubes whole or not at all, with their provenance."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.io.fits.hdu.compressed import SUBTRACTIVE_DITHER_1

from cubefocus.files import atomic_path

BLOCK = 2880  # bytes, of which a FITS file has a whole number
PAGE = 4096  # bytes of memory
AT_A_TIME = 64_000_000  # bytes that are mapped at once
STEPS_PER_NOISE = 8  # of compressed cubes: adds 0.07 % to the noise


@dataclass(frozen=True)
class OnDisk:
    """A cube on disk that is filled part by part, of float32; what is not filled is 0, and takes no room."""

    path: Path
    offset: int
    shape: tuple[int, ...]

    def __setitem__(self, key: tuple[slice, ...], values: np.ndarray) -> None:
        first, *rest = (slice(*one.indices(size)) for one, size in zip(key, self.shape, strict=True))
        # The pages of a mapping stay in memory as long as it is there: a new one for each bit.
        plane = max(1, values[:1].size) * max(4, min(PAGE, 4 * self.shape[-1]) // max(1, values.shape[-1]))
        step = max(1, AT_A_TIME // plane)
        for start in range(0, len(values), step):
            mapped = np.memmap(self.path, dtype=">f4", mode="r+", offset=self.offset, shape=self.shape)
            part = values[start : start + step]
            mapped[(slice(first.start + start, first.start + start + len(part)), *rest)] = part
            del mapped


@contextmanager
def cube_on_disk(
    path: str | Path, shape: tuple[int, ...], header: fits.Header, provenance: Mapping[str, Any]
) -> Iterator[OnDisk]:
    """Write a cube part by part: the file that `write_cube` writes of the same values, without holding them.

    Parameters
    ----------
    path : str or Path
        Has the file when the block ends without an error.
    shape : (channel, y, x)
    header : astropy.io.fits.Header
    provenance : mapping
        As made by `cubefocus.provenance.provenance`.
    """
    hdu = fits.PrimaryHDU(np.broadcast_to(np.float32(0.0), shape), header)
    hdu.header["PROVENAN"] = json.dumps(provenance, sort_keys=True)
    text = hdu.header.tostring().encode("ascii")
    size = 4 * math.prod(shape)
    with atomic_path(path) as temporary:
        with open(temporary, "wb") as stream:
            stream.write(text)
            stream.truncate(len(text) + math.ceil(size / BLOCK) * BLOCK)
        yield OnDisk(temporary, len(text), shape)


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
