"""The part of the sky that a cube shows: from directions, sizes and angles on the sky to pixels and back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.coordinates import ICRS, SkyCoord, UnitSphericalRepresentation
from astropy.wcs import WCS
from astropy.wcs.utils import proj_plane_pixel_scales, wcs_to_celestial_frame

EQUATORIAL = ("icrs", "fk5", "fk4")
STEP = 0.1  # px that north and east are looked for at
SQUARE = 0.01  # by which the two sides of a pixel may differ for a size to be given in pixels


@dataclass(frozen=True)
class Field:
    """A header's celestial axes and the number of its pixels.

    Attributes
    ----------
    wcs : astropy.wcs.WCS
        Two celestial axes.
    shape : (int, int)
        Pixels along y and x.
    path : Path
        Whose header it is, for messages.
    """

    wcs: WCS
    shape: tuple[int, int]
    path: Path

    def directions(self, ra: np.ndarray, dec: np.ndarray) -> SkyCoord:
        """Right ascension and declination (deg) in the header's frame, in ICRS if that is not equatorial."""
        frame = wcs_to_celestial_frame(self.wcs)
        return SkyCoord(ra * u.deg, dec * u.deg, frame=frame if frame.name in EQUATORIAL else ICRS())

    def pixels(self, directions: SkyCoord) -> tuple[np.ndarray, np.ndarray]:
        """Pixels x, y, 0-based; NaN where a direction is NaN or cannot be projected."""
        frame = wcs_to_celestial_frame(self.wcs)
        # Without units but the angles: a table's own distances and velocities do not matter here.
        bare = SkyCoord(directions.frame.realize_frame(directions.represent_as(UnitSphericalRepresentation)))
        here = bare.transform_to(frame).represent_as(UnitSphericalRepresentation)
        lon, lat = here.lon.to_value(u.deg), here.lat.to_value(u.deg)
        known = np.isfinite(lon) & np.isfinite(lat)
        x, y = np.full((2, known.size), np.nan)
        x[known], y[known] = self.wcs.wcs_world2pix(lon[known], lat[known], 0)
        return x, y

    def inside(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Whether pixels are in the image, up to half a pixel beyond its outermost centres."""
        ny, nx = self.shape
        return (x >= -0.5) & (x <= nx - 0.5) & (y >= -0.5) & (y <= ny - 0.5)

    def pixel_arcsec(self) -> float:
        """Side of a pixel in arcsec; NaN if pixels are not square."""
        sides = proj_plane_pixel_scales(self.wcs) * 3600.0
        return float(np.sqrt(sides.prod())) if abs(sides[1] / sides[0] - 1.0) < SQUARE else np.nan

    def clockwise(self, angle: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Angles (deg) from north through east at pixels x, y as angles from +x, clockwise with y up."""
        here = self.wcs.pixel_to_world(x, y)
        if here.frame.name not in EQUATORIAL:
            here = here.icrs
        step = STEP * np.sqrt(proj_plane_pixel_scales(self.wcs).prod()) * u.deg
        north, east = (self.pixels(here.directional_offset_by(turn * u.deg, step)) for turn in (0.0, 90.0))
        along, through = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
        dx, dy = (along * (n - at) + through * (e - at) for n, e, at in zip(north, east, (x, y), strict=True))
        return -np.rad2deg(np.arctan2(dy, dx))
