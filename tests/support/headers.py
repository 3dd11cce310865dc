"""A plain header and small cubes whose headers are bent in the ways of other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

SHAPE = (32, 10, 12)
F0, DF, REST = 230.0e9, 1.0e7, 230.538e9  # of channel 16, a channel, CO(2-1)
C = 299792458.0
OFFSET = np.arange(SHAPE[0]) - 16.0  # of each channel from the reference channel, CRPIX3 = 17


def plain_header(drop: tuple[str, ...] = (), **cards: Any) -> fits.Header:
    """RA---SIN, DEC--SIN, FREQ with a beam of 0.5 arcsec; some cards dropped, others changed."""
    header = fits.Header({"BUNIT": "Jy/beam", "BMAJ": 0.5 / 3600, "BMIN": 0.4 / 3600, "BPA": 10.0})
    axes = (("RA---SIN", 60.0, -0.1 / 3600, 7.0, "deg"), ("DEC--SIN", -35.0, 0.1 / 3600, 6.0, "deg"),
            ("FREQ", F0, DF, 17.0, "Hz"))  # fmt: skip
    for number, values in enumerate(axes, start=1):
        for key, value in zip(("CTYPE", "CRVAL", "CDELT", "CRPIX", "CUNIT"), values, strict=True):
            header[f"{key}{number}"] = value
    header.update({"RADESYS": "FK5", "EQUINOX": 2000.0, "RESTFRQ": REST, "SPECSYS": "LSRK"})
    for key in drop:
        header.remove(key, ignore_missing=True)
    header.update(cards)
    return header


def spectral(kind: str, value: float, step: float, unit: str = "", **cards: Any) -> fits.Header:
    """The plain header with another spectral axis."""
    return plain_header(CTYPE3=kind, CRVAL3=value, CDELT3=step, CUNIT3=unit, **cards)


def small_cube(shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    """Values that differ in every voxel."""
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape) + 0.5


def write(path: Path, header: fits.Header, data: np.ndarray | None = None) -> Path:
    """Write a cube with its header as it is."""
    fits.PrimaryHDU(small_cube() if data is None else data, header).writeto(path, output_verify="ignore")
    return path
