"""The Dutch array and what its baselines sample."""

import math
import sys

import numpy as np
import pytest
from astropy.coordinates import Longitude
from astropy.time import Time

from cubefocus.denoise.lofar import FREQUENCY_HZ, Stations, dutch_stations, primary_beam, track
from cubefocus.errors import CubefocusError
from cubefocus.instrument.response import ARCSEC

pytest.importorskip("lofarantpos", reason="lofarantpos is not installed")


@pytest.fixture(scope="module")
def stations():
    return dutch_stations()


def local(latitude_deg, longitude_deg, offsets_m, radius_m=6.37e6):
    """Stations at offsets (east, north, up) from a place on a sphere."""
    lat, lon = math.radians(latitude_deg), math.radians(longitude_deg)
    up = np.array([math.cos(lat) * math.cos(lon), math.cos(lat) * math.sin(lon), math.sin(lat)])
    east = np.array([-math.sin(lon), math.cos(lon), 0.0])
    offsets = np.asarray(offsets_m, dtype=float) @ np.stack([east, np.cross(up, east), up])
    return Stations(tuple("ABCDEF"[: len(offsets)]), radius_m * up + offsets)


def test_24_core_and_14_remote_stations(stations):
    names = stations.names
    assert (sum(name[:2] == "CS" for name in names), sum(name[:2] == "RS" for name in names)) == (24, 14)
    assert np.linalg.norm(stations.positions_m, axis=1) == pytest.approx(6.364e6, rel=1e-3)


def test_a_row_for_each_integration_and_baseline(stations):
    tracks = track(stations, hours=1.0, start_hour_angle_h=-0.5, integration_s=600.0)
    assert tracks.uvw.shape == (6 * 703, 3)
    pairs = {*zip(tracks.antenna1[:703].tolist(), tracks.antenna2[:703].tolist(), strict=True)}
    assert len(pairs) == 703
    assert all(first < second for first, second in pairs)
    assert np.diff(tracks.time_s[::703]) == pytest.approx(600.0)
    assert np.ptp(tracks.time_s.reshape(6, 703), axis=1) == pytest.approx(0.0)


def test_rotation_keeps_the_length_of_every_baseline(stations):
    tracks = track(stations, integration_s=3600.0)
    lengths = np.linalg.norm(stations.positions_m[tracks.antenna1] - stations.positions_m[tracks.antenna2], axis=1)
    assert np.linalg.norm(tracks.uvw, axis=1) == pytest.approx(lengths)
    assert lengths.max() == pytest.approx(120.2e3, rel=1e-3)


def test_baselines_run_on_circles_around_the_pole(stations):
    tracks = track(stations, (0.0, 90.0), integration_s=1800.0)
    u, v, w = tracks.uvw.reshape(-1, 703, 3).transpose(2, 0, 1)
    z = stations.positions_m[:, 2]
    assert w == pytest.approx(np.broadcast_to(z[tracks.antenna2[:703]] - z[tracks.antenna1[:703]], w.shape))
    assert np.ptp(np.hypot(u, v), axis=0).max() < 1e-6
    turned = np.unwrap(np.arctan2(v, u), axis=0)
    expected = 2 * np.pi * 7.5 / 23.9344696  # from the middle of the first integration to that of the last
    assert np.abs(turned[-1] - turned[0]) == pytest.approx(expected, rel=1e-6)


def test_at_transit_east_is_u_and_north_is_v_foreshortened():
    """From 10 deg south of the zenith, a baseline to the north is shorter by cos 10 deg and its end further off."""
    stations = local(52.9, 6.9, [(0, 0, 0), (100, 0, 0), (0, 100, 0)])
    tracks = track(stations, (0.0, 42.9), hours=2 / 3600, start_hour_angle_h=-1 / 3600, integration_s=2.0)
    east, north = tracks.uvw[0], tracks.uvw[1]
    assert east == pytest.approx([100.0, 0.0, 0.0], abs=0.02)
    ten = math.radians(10.0)
    assert north == pytest.approx([0.0, 100 * math.cos(ten), -100 * math.sin(ten)], abs=0.02)


def test_after_transit_the_source_is_in_the_west():
    stations = local(52.9, 6.9, [(0, 0, 0), (100, 0, 0)])
    tracks = track(stations, (0.0, 0.0), hours=0.01, start_hour_angle_h=3.0, integration_s=36.0)
    assert tracks.uvw[0, 2] == pytest.approx(-100 * math.sin(math.radians(45.0)), rel=2e-2)


def test_times_have_the_hour_angle_at_the_array(stations):
    centre, start = (123.0, 55.0), -4.0
    tracks = track(stations, centre, start_hour_angle_h=start, integration_s=1800.0)
    x, y, _ = stations.positions_m.mean(axis=0)
    times = Time(tracks.time_s[::703] / 86_400.0, format="mjd", scale="ut1")
    sidereal = times.sidereal_time("mean", Longitude(math.degrees(math.atan2(y, x)), "deg")).hour
    hour_angles = (sidereal - centre[0] / 15.0 + 12.0) % 24.0 - 12.0
    assert hour_angles[0] == pytest.approx(start + 0.25 * 1.0027379, abs=1e-3)
    assert hour_angles[-1] == pytest.approx(start + 7.75 * 1.0027379, abs=1e-3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"centre_deg": (0.0, -30.0)}, "below the horizon"),
        ({"hours": 0.0}, "hours is 0"),
        ({"integration_s": math.nan}, "integration_s is nan"),
        ({"frequency_hz": -1.0}, "frequency_hz is -1"),
        ({"hours": 0.1, "integration_s": 3600.0}, "longer than"),
    ],
)
def test_what_cannot_be_observed_is_refused(stations, change, message):
    with pytest.raises(CubefocusError, match=message):
        track(stations, **change)


def test_primary_beam_is_that_of_a_round_aperture_and_as_wide_as_measured(stations):
    tracks = track(stations, hours=1.0, integration_s=3600.0)
    beam = primary_beam(tracks, (201, 401), 120.0)
    assert beam[100, 200] == pytest.approx(1.0, abs=1e-12)
    assert beam == pytest.approx(beam[::-1, ::-1])
    half = np.interp(-0.5, -beam[100, 200:], np.arange(201)) * 120.0 / 3600.0
    wavelength = 299_792_458.0 / FREQUENCY_HZ
    assert 2 * half == pytest.approx(np.degrees(1.029 * wavelength / 30.8), rel=1e-3)
    assert 2 * half == pytest.approx(3.80, rel=0.02)  # measured by ASTRON
    first_null = 1.2197 * wavelength / 30.8 / (120.0 * ARCSEC)
    assert beam[100, 200 + round(first_null)] < 1e-4


def test_without_lofarantpos_the_error_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "lofarantpos.db", None)
    with pytest.raises(CubefocusError, match=r"pip install 'cubefocus\[lofar\]'"):
        dutch_stations()
