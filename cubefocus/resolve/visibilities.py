"""Calibrated visibilities of one field in Stokes I, and the image that they are to be explained by."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from scipy.constants import speed_of_light

from cubefocus.cube.celestial import pixel_arcsec
from cubefocus.resolve.stored import reading, writing

LEAST_BEAM = 0.2  # of the peak of the primary beam, as tclean's pblimit
ROW = ("visibilities", "weights", "uvw_m", "antenna1", "antenna2", "time_s")


@dataclass(frozen=True)
class Window:
    """Visibilities of one spectral window, averaged over its channels.

    With u, v in wavelengths, l to the east and m to the north, a point source of flux S has the visibility
    S exp(2 pi i (u l + v m)), as in a Measurement Set of CASA. Flagged rows are left out.

    Attributes
    ----------
    frequency_hz : float
    visibilities : ndarray, shape (row,), complex128
        Jy, Stokes I.
    weights : ndarray, shape (row,)
        1 / variance of the real, and of the imaginary, part; 1/Jy^2, above 0.
    uvw_m : ndarray, shape (row, 3)
    antenna1, antenna2 : ndarray of int, shape (row,)
    time_s : ndarray, shape (row,)
    primary_beam : ndarray, shape (y, x)
        At this frequency, 1 at its centre, on the grid of the image.
    """

    frequency_hz: float
    visibilities: np.ndarray
    weights: np.ndarray
    uvw_m: np.ndarray
    antenna1: np.ndarray
    antenna2: np.ndarray
    time_s: np.ndarray
    primary_beam: np.ndarray

    @property
    def baselines_m(self) -> np.ndarray:
        """Projected length of the baselines, shape (row,)."""
        return np.hypot(self.uvw_m[:, 0], self.uvw_m[:, 1])


@dataclass(frozen=True)
class Visibilities:
    """What an image is inferred from.

    Attributes
    ----------
    windows : tuple of Window
    header : Header
        Two celestial axes of the image: square pixels, the phase centre at pixel (y // 2, x // 2), counted from 0.
    facts : mapping
        Where they come from: ``source`` and what else is to be told of them.
    """

    windows: tuple[Window, ...]
    header: fits.Header
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, int]:
        """(y, x) of the image."""
        return int(self.header["NAXIS2"]), int(self.header["NAXIS1"])

    @property
    def cell_arcsec(self) -> float:
        """Side of a pixel."""
        return pixel_arcsec(self.header)

    @property
    def frequency_hz(self) -> float:
        """Mean of the windows' frequencies, at which the sky is told, as CASA's continuum images are."""
        return float(np.mean([window.frequency_hz for window in self.windows]))

    def digest(self) -> str:
        """First 12 hexadecimal digits of the SHA-256 of the data and the grid, wherever they were read from."""
        centre = [self.header[f"CRVAL{axis}"] for axis in (1, 2)]
        found = hashlib.sha256(f"{self.shape} {self.cell_arcsec:.9g} {centre}".encode())
        for window in self.windows:
            found.update(f"{window.frequency_hz:.12g}".encode())
            for name in (*ROW, "primary_beam"):
                values = np.ascontiguousarray(getattr(window, name))
                found.update(f"{name} {values.dtype.str} {values.shape}".encode())
                found.update(values.tobytes())
        return found.hexdigest()[:12]

    def save(self, path: str | Path) -> None:
        """Write an HDF5 file, whole or not at all."""
        with writing(path, self.header, self.facts) as file:
            for number, window in enumerate(self.windows):
                group = file.create_group(f"window{number}")
                group.attrs["frequency_hz"] = window.frequency_hz
                for name in (*ROW, "primary_beam"):
                    group.create_dataset(name, data=getattr(window, name), track_times=False)

    @classmethod
    def load(cls, path: str | Path) -> Visibilities:
        """Read what `save` wrote.

        Raises
        ------
        CubefocusError
            If the file is not there, not whole, or none of these.
        """
        with reading(path, "a whole file of visibilities") as (file, header, facts):
            groups = [file[f"window{number}"] for number in range(len(file))]
            windows = [
                Window(float(group.attrs["frequency_hz"]), **{name: group[name][()] for name in group})
                for group in groups
            ]
        return cls(tuple(windows), header, facts)


def resolution_arcsec(visibilities: Visibilities) -> float:
    """Wavelength over the longest baseline; pixels of more than half of it are too wide for all baselines."""
    longest = max(window.baselines_m.max() * window.frequency_hz for window in visibilities.windows)
    return math.degrees(speed_of_light / longest) * 3600.0


def within_beam(visibilities: Visibilities) -> np.ndarray:
    """Where the primary beam, the mean of the windows by weight, is at least `LEAST_BEAM`; shape (y, x), bool.

    Beyond it the data say next to nothing, and samples of a posterior are draws of its prior.
    """
    windows = visibilities.windows
    shares = [float(window.weights.sum()) for window in windows]
    return np.average([window.primary_beam for window in windows], axis=0, weights=shares) >= LEAST_BEAM
