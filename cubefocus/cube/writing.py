"""Writing cubes whole or not at all, with their provenance."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.io.fits.hdu.compressed import SUBTRACTIVE_DITHER_1

from cubefocus.files import atomic_path

STEPS_PER_NOISE = 8  # of compressed cubes: adds 0.07 % to the noise


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
