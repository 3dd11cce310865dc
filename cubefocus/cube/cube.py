"""A cube: its values and the header that places them on the sky and in frequency."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS
from astropy.wcs.utils import proj_plane_pixel_scales
from numpy.typing import ArrayLike

from cubefocus.cube.beams import Beam, header_beam
from cubefocus.cube.celestial import celestial_wcs, equatorial
from cubefocus.cube.spectral import frequencies, rest_frequency
from cubefocus.cube.windows import Windows
from cubefocus.errors import CubefocusError


@dataclass
class Cube:
    """A spectral cube with the header that places it on the sky.

    Attributes
    ----------
    data : ndarray of float32, shape (channel, y, x)
        Jy/beam for a dirty cube, Jy/pixel for a sky cube; NaN outside the primary beam cut. Whatever can be turned
        into such an array is (lists, other types, the other byte order). Of a cube that is larger than the memory
        it may have, `cubefocus.cube.windows.Windows`, which read the part that is asked for.
    header : astropy.io.fits.Header
        Celestial axes first, spectral axis third, as `cubefocus.cube.reading.read_cube` brings them.
    beams : ndarray, shape (channel, 3), optional
        Beam of each channel where the file has a table of them: major and minor axis (FWHM, arcsec), position angle
        (deg); NaN where a channel has none.
    channels_hz : ndarray, shape (channel,), optional
        Frequencies of an axis by look-up (-TAB), whose table is not in the header.
    """

    data: np.ndarray
    header: fits.Header
    beams: np.ndarray | None = None
    channels_hz: np.ndarray | None = None

    def __post_init__(self) -> None:
        try:
            self.data = _real_numbers(self.data)
        except (ValueError, TypeError, u.UnitConversionError) as error:
            raise CubefocusError(
                f"a cube's data hold no real numbers in Jy/beam or Jy/pixel ({error}); give an array (channel, y, x)"
            ) from error
        if self.data.ndim != 3:
            raise CubefocusError(
                f"a cube's data have the shape {self.data.shape}; it must be (channel, y, x), of one channel perhaps"
            )

    def with_data(self, data: np.ndarray) -> Cube:
        """Cube of other values on the same grid."""
        return replace(self, data=data)

    @property
    def wcs(self) -> WCS:
        """Celestial WCS (two axes, 0-based pixel coordinates with ``pixel_to_world``)."""
        return celestial_wcs(self.header)

    @property
    def cell_arcsec(self) -> float:
        """Pixel size along y in arcsec; NaN if the header has no celestial axes."""
        wcs = self.wcs
        return float(proj_plane_pixel_scales(wcs)[1]) * 3600.0 if wcs.naxis == 2 else math.nan

    def positions(self, x: ArrayLike, y: ArrayLike) -> SkyCoord:
        """Right ascension and declination of pixels: FK5 J2000 where the header is in FK5, ICRS otherwise."""
        return equatorial(self.wcs, x, y)

    @property
    def beam(self) -> Beam | None:
        """Major and minor axis (FWHM, arcsec) and position angle (deg) of the synthesised beam; None if not given."""
        return header_beam(self.header)

    @property
    def frequencies_hz(self) -> np.ndarray:
        """Frequency of each channel in Hz; NaN for one channel whose header does not say it.

        Raises
        ------
        CubefocusError
            If the header of several channels does not say it, or contradicts itself.
        """
        if self.channels_hz is not None:
            return self.channels_hz.copy()
        n_channels = self.data.shape[0]
        try:
            return frequencies(self.header, np.arange(n_channels))
        except CubefocusError:
            if n_channels > 1:
                raise
            return np.array([math.nan])  # an image; `read_cube` says why

    @property
    def rest_frequency_hz(self) -> float | None:
        """Rest frequency of the header's line (RESTFRQ or RESTWAV) in Hz; None if not given."""
        return rest_frequency(self.header)

    @property
    def velocity_frame(self) -> str | None:
        """Frame of velocities and frequencies (SPECSYS: LSRK, BARYCENT, ...); None if not given."""
        frame = self.header.get("SPECSYS")
        return frame if isinstance(frame, str) and frame else None


def _real_numbers(data: Any) -> np.ndarray:
    """Values as native float32; the same array if it is one. Masked ones are NaN, those with a unit in Jy."""
    if isinstance(data, Windows):
        return cast(np.ndarray, data)  # of which shape, length and parts are those of an array
    if isinstance(data, u.Quantity):
        data = data.to_value(u.Jy / (u.pix if data.unit.is_equivalent(u.Jy / u.pix) else u.beam))
    if np.iscomplexobj(data):
        raise ValueError("complex numbers")
    if isinstance(data, np.ma.MaskedArray):
        data = np.ma.filled(data.astype(np.float32), np.nan)
    return np.asarray(data, dtype=np.float32)
