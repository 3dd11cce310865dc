"""The Dutch high-band array of LOFAR (van Haarlem et al. 2013, A&A 556, A2): stations, tracks and station beam.

Each core station counts as one of its two fields of 24 tiles, and each remote station as its inner 24 tiles, as in the
mode HBA_DUAL_INNER of the survey LoTSS (Shimwell et al. 2017, A&A 598, A104). So all stations have the same beam.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np
from scipy.constants import speed_of_light
from scipy.special import j1

from cubefocus.denoise.optional import load
from cubefocus.errors import CubefocusError
from cubefocus.instrument.response import ARCSEC

FREQUENCY_HZ = 150e6
STATION_DIAMETER_M = 30.8  # a field of 24 tiles, in ASTRON's description of the stations
SIDEREAL = 1.00273790935  # turns of the Earth in a mean solar day
J2000_MJD = 51544.5
GMST_J2000_H = 18.697374558  # Greenwich mean sidereal time then
HORIZON_DEG = 0.0


@dataclass(frozen=True, eq=False)
class Stations:
    """Where the stations are.

    Attributes
    ----------
    names : tuple of str
    positions_m : ndarray, shape (station, 3)
        Geocentric (ETRS): x to the meridian of Greenwich, z to the north pole.
    diameter_m : float
        Of the aperture of each.
    """

    names: tuple[str, ...]
    positions_m: np.ndarray
    diameter_m: float = STATION_DIAMETER_M


@dataclass(frozen=True, eq=False)
class Tracks:
    """What the baselines sample in one observation: a row for each integration and baseline, integrations slowest.

    A source of flux S in the direction (l, m), l to the east and m to the north, has the visibility
    S exp(2 pi i (u l + v m + w (n - 1)) / wavelength) with n = sqrt(1 - l^2 - m^2), as WSClean and CASA have it.

    Attributes
    ----------
    uvw : ndarray, shape (row, 3)
        Position of `antenna2` minus that of `antenna1`, m; u to the east, v to the north, w to the phase centre.
    antenna1, antenna2 : ndarray of int, shape (row,)
    time_s : ndarray, shape (row,)
        Middle of the integration, UTC in seconds of the modified Julian date, as in a Measurement Set.
    frequency_hz : float
    centre_deg : (right ascension, declination)
        Phase centre.
    integration_s : float
    stations : Stations
    """

    uvw: np.ndarray
    antenna1: np.ndarray
    antenna2: np.ndarray
    time_s: np.ndarray
    frequency_hz: float
    centre_deg: tuple[float, float]
    integration_s: float
    stations: Stations

    @property
    def wavelength_m(self) -> float:
        """Wavelength in m."""
        return speed_of_light / self.frequency_hz


def dutch_stations() -> Stations:
    """Core and remote stations of the package lofarantpos: 24 and 14, so 703 baselines.

    Raises
    ------
    CubefocusError
        If lofarantpos is not installed.
    """
    database = load("lofarantpos.db")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # it leaves its files to be closed by Python
        centres = database.LofarAntennaDatabase().phase_centres
    names = sorted(
        name for name in centres if name[:2] in ("CS", "RS") and name.endswith("HBA0" if name[:2] == "CS" else "HBA")
    )
    return Stations(tuple(names), np.array([centres[name] for name in names], dtype=np.float64))


def track(
    stations: Stations,
    centre_deg: tuple[float, float] = (180.0, 55.0),
    hours: float = 8.0,
    start_hour_angle_h: float = -4.0,
    integration_s: float = 60.0,
    frequency_hz: float = FREQUENCY_HZ,
) -> Tracks:
    """Follow a phase centre across the sky, on the day of J2000 so that there is no precession.

    Integrations are points in time: nothing is smeared. Rotation: Thompson, Moran & Swenson (2017), eq. 4.1.

    Parameters
    ----------
    stations : Stations
    centre_deg : (right ascension, declination)
        Of the phase centre.
    hours : float
        How long, in mean solar time.
    start_hour_angle_h : float
        Hour angle at the start, at the mean position of the stations.
    integration_s : float
    frequency_hz : float

    Returns
    -------
    Tracks

    Raises
    ------
    CubefocusError
        If a value cannot be, or the phase centre sets meanwhile.
    """
    for name, value in (("hours", hours), ("integration_s", integration_s), ("frequency_hz", frequency_hz)):
        if not 0 < value < math.inf:
            raise CubefocusError(f"{name} is {value}; give a number above 0")
    count = round(hours * 3600.0 / integration_s)
    if count < 1:
        raise CubefocusError(f"integration_s is {integration_s}, longer than the {hours} hours; give a shorter one")
    seconds = (np.arange(count) + 0.5) * integration_s
    x, y, z = stations.positions_m.mean(axis=0)
    longitude, latitude = math.atan2(y, x), math.atan2(z, math.hypot(x, y))
    hour_angle = start_hour_angle_h * math.pi / 12.0 + seconds * SIDEREAL * (math.pi / 43_200.0)
    declination = math.radians(centre_deg[1])
    _refuse_set(declination, latitude, hour_angle)
    axes = _axes(hour_angle - longitude, declination)
    first, second = np.triu_indices(len(stations.names), k=1)
    baselines = stations.positions_m[second] - stations.positions_m[first]
    uvw = np.einsum("tij,bj->tbi", axes, baselines).reshape(-1, 3)
    times = _start_s(centre_deg[0], start_hour_angle_h, longitude) + seconds
    return Tracks(
        uvw=uvw,
        antenna1=np.tile(first, count),
        antenna2=np.tile(second, count),
        time_s=np.repeat(times, len(first)),
        frequency_hz=float(frequency_hz),
        centre_deg=(float(centre_deg[0]), float(centre_deg[1])),
        integration_s=float(integration_s),
        stations=stations,
    )


def _axes(greenwich: np.ndarray, declination: float) -> np.ndarray:
    """Unit vectors of u, v, w in the geocentric frame at hour angles of Greenwich, shape (time, 3, 3)."""
    sin_h, cos_h, zero = np.sin(greenwich), np.cos(greenwich), np.zeros_like(greenwich)
    sin_d, cos_d = math.sin(declination), math.cos(declination)
    # Their Y points to the hour angle -6 h, which is the east: y of the geocentric frame.
    rows = (
        (sin_h, cos_h, zero),
        (-sin_d * cos_h, sin_d * sin_h, zero + cos_d),
        (cos_d * cos_h, -cos_d * sin_h, zero + sin_d),
    )
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=1)


def _refuse_set(declination: float, latitude: float, hour_angle: np.ndarray) -> None:
    equatorial = math.cos(latitude) * math.cos(declination) * np.cos(hour_angle)
    lowest = math.degrees(math.asin(float((math.sin(latitude) * math.sin(declination) + equatorial).clip(-1, 1).min())))
    if lowest < HORIZON_DEG:
        raise CubefocusError(
            f"the phase centre at declination {math.degrees(declination):g} deg is down to {lowest:.1f} deg during the "
            "observation, below the horizon; observe for fewer hours, around hour angle 0, or further north"
        )


def _start_s(right_ascension_deg: float, hour_angle_h: float, longitude: float) -> float:
    """When a right ascension has an hour angle, in the day after J2000; seconds of the modified Julian date."""
    greenwich_h = right_ascension_deg / 15.0 + hour_angle_h - math.degrees(longitude) / 15.0
    return J2000_MJD * 86_400.0 + (greenwich_h - GMST_J2000_H) % 24.0 * 3600.0 / SIDEREAL


def primary_beam(tracks: Tracks, shape: tuple[int, int], cell_arcsec: float) -> np.ndarray:
    """Power beam of two stations, 1 at the phase centre.

    The model is an evenly illuminated round aperture, (2 J1(x) / x)^2 with x = pi D sin(theta) / wavelength. Its FWHM,
    1.029 wavelength / D, is 3.83 deg at 150 MHz; ASTRON measured 3.8 deg for core and remote stations in the mode
    HBA_DUAL_INNER (beam scan, Daily Image of 30 November 2012). It is the beam at the zenith: that the tiles lie flat,
    which makes it longer towards the horizon, is left out, and so are its changes in time and with the polarisation. In
    an image of 1.1 deg it falls to 0.95 in the middle of the sides and to 0.90 in the corners.

    Parameters
    ----------
    tracks : Tracks
    shape : (y, x)
    cell_arcsec : float
        The phase centre is at pixel (y // 2, x // 2).

    Returns
    -------
    ndarray, shape (y, x)
    """
    m, l_ = ((np.arange(size) - size // 2) * (cell_arcsec * ARCSEC) for size in shape)
    x = math.pi * tracks.stations.diameter_m / tracks.wavelength_m * np.hypot(m[:, None], l_[None, :])
    x = np.maximum(x, 1e-9)  # where 2 J1(x) / x is 1
    return (2.0 * j1(x) / x) ** 2
