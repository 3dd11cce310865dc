"""Images of the continuum: FITS files of one plane."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.io import fits

from cubefocus.errors import CubefocusError


def read_plane(path: str | Path) -> tuple[np.ndarray, fits.Header]:
    """The one plane of a FITS image, whatever axes of length 1 it has besides, and its header.

    Raises
    ------
    CubefocusError
        If it is not there, not FITS, or has several planes.
    """
    try:
        with fits.open(path) as file:
            data, header = file[0].data, file[0].header.copy()
    except OSError as error:
        raise CubefocusError(f"{path}: not a readable FITS image ({error}); make it again") from error
    if data is None or data.size != np.prod(data.shape[-2:]):
        raise CubefocusError(f"{path}: not an image of one plane; give a continuum image")
    return data.reshape(data.shape[-2:]).astype(float), header
