"""CASA engine: where a source goes, how bright it is, what the noise is, and what happens when CASA fails."""

import importlib.util
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from scipy.special import j1

from cubefocus.engines import casa
from cubefocus.engines.casa import CasaError, observe
from cubefocus.engines.measure import get_response
from cubefocus.errors import CubefocusError
from cubefocus.instrument.observation import Observation
from cubefocus.stats.noise import thermal_rms

pytestmark = [
    pytest.mark.casa,
    pytest.mark.skipif(importlib.util.find_spec("casatasks") is None, reason="CASA is not installed"),
]

SETUP = Observation(n_pixels=64, n_channels=4, cell_arcsec=0.25, integration_s=600.0)
FLUX = 0.7
SHIFT = (-20, 12)  # px in x and y: 5 arcsec to the east, 3 arcsec to the north


def point(shape, dx, dy, flux=FLUX):
    """Sky with one point source, that many pixels from the phase centre."""
    sky = np.zeros(shape, np.float32)
    sky[:, shape[1] // 2 + dy, shape[2] // 2 + dx] = flux
    return sky


def airy(r_arcsec, half_arcsec=13.0):
    """Power pattern of a uniform disc with its half-power radius given (12-m antenna at 230 GHz)."""
    x = 1.61634 * r_arcsec / half_arcsec
    return (2 * j1(x) / x) ** 2


def wavelengths(archive):
    """u and v of each visibility, shape (2, row, channel)."""
    return archive["uvw_m"].T[:2, :, None] * archive["frequencies_hz"] / 299792458.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("casa")


@pytest.fixture(scope="module")
def off_centre(folder):
    """Dirty cube and visibilities of a point source off centre, in an image that is not square."""
    path = folder / "off.npz"
    cube = observe(point((4, 54, 64), *SHIFT), SETUP, log=folder / "off.log", visibilities=path)
    return cube, np.load(path)


@pytest.fixture(scope="module")
def noisy(folder):
    """Twice the same seed, and another seed with channels four times as wide; empty sky."""
    wide = Observation(n_pixels=64, n_channels=4, cell_arcsec=0.25, integration_s=600.0, channel_width_mhz=40.0)
    empty = np.zeros((4, 64, 64), np.float32)
    runs = ((SETUP, 5), (SETUP, 5), (wide, 6))
    return [observe(empty, setup, "thermal", seed, folder / "noise.log").data for setup, seed in runs]


def test_point_source_at_phase_centre_has_real_constant_visibilities(folder, capfd):
    path, log, scratch = folder / "centre.npz", folder / "logs" / "centre.log", folder / "scratch"
    scratch.mkdir()
    cube = observe(point(SETUP.cube_shape, 0, 0), SETUP, log=log, scratch=scratch, visibilities=path)
    visibilities = np.load(path)["visibilities"]
    assert visibilities.shape == (4 * 43 * 42 // 2, 4)
    assert np.abs(visibilities - FLUX).max() < 0.002 * FLUX
    assert np.nanmax(cube.data) == pytest.approx(FLUX, rel=0.002)
    assert cube.data.shape == SETUP.cube_shape
    assert list(scratch.iterdir()) == []
    assert "TAI_UTC" in log.read_text()
    assert capfd.readouterr() == ("", "")


def test_point_source_off_centre_has_the_phase_of_its_place(off_centre):
    _, archive = off_centre
    u_waves, v_waves = wavelengths(archive)
    east, north = (np.deg2rad(0.25 * pixels / 3600) for pixels in (-SHIFT[0], SHIFT[1]))
    turned = archive["visibilities"] * np.exp(-2j * np.pi * (u_waves * east + v_waves * north))
    assert not archive["flags"].any()
    assert np.abs(np.angle(turned)).max() < 0.06
    expected = FLUX * airy(0.25 * np.hypot(*SHIFT))
    assert expected < 0.9 * FLUX
    assert np.abs(turned).mean() == pytest.approx(expected, rel=0.02)
    assert np.abs(turned).std() < 0.005 * FLUX


def test_dirty_image_peaks_where_the_source_is(off_centre):
    cube, archive = off_centre
    y, x = np.unravel_index(np.nanargmax(cube.data[2]), cube.data.shape[1:])
    assert (x - 32, y - 27) == SHIFT
    assert cube.data[:, y, x] == pytest.approx(np.abs(archive["visibilities"]).mean(axis=0), rel=0.01)
    place = cube.wcs.pixel_to_world(x, y)
    east, north = SkyCoord("03h59m59.96s -34d59m59.50s", frame="fk5").spherical_offsets_to(place)
    assert (east.to_value(u.arcsec), north.to_value(u.arcsec)) == pytest.approx((5.0, 3.0), abs=1e-3)


def test_direction_in_icrs_near_zero_hours_and_odd_size(folder):
    setup = Observation(n_pixels=33, n_channels=1, integration_s=1200.0, direction="ICRS 00h00m00.01s -00d30m00.5s")
    cube = observe(point(setup.cube_shape, -6, 4), setup, log=folder / "icrs.log")
    y, x = np.unravel_index(np.nanargmax(cube.data[0]), cube.data.shape[1:])
    assert (x - 16, y - 16) == (-6, 4)
    assert cube.header["RADESYS"] == "ICRS"
    assert cube.header["CRVAL2"] == pytest.approx(-0.5001389, abs=1e-6)


def test_header_tells_axes_unit_and_beam(off_centre):
    cube, archive = off_centre
    assert [cube.header[f"CTYPE{axis}"] for axis in (1, 2, 3)] == ["RA---SIN", "DEC--SIN", "FREQ"]
    assert cube.header["BUNIT"] == "Jy/beam"
    assert cube.frequencies_hz == pytest.approx(archive["frequencies_hz"])
    assert cube.frequencies_hz == pytest.approx(SETUP.frequencies_hz)
    major, minor, _ = cube.beam
    longest = np.hypot(*wavelengths(archive)).max()
    assert 0.5 < minor * longest / 206265 < 2.0
    assert minor <= major < 1.5 * minor


def test_extended_flux_goes_in_and_comes_out(folder):
    """A Gaussian on the phase centre: its visibilities are known, and the dirty centre is their mean."""
    setup = Observation(n_pixels=64, n_channels=1, cell_arcsec=0.1, integration_s=600.0)
    sigma_px, total = 2.5, 1.3
    y, x = np.mgrid[-32:32, -32:32]
    image = np.exp(-(x**2 + y**2) / (2 * sigma_px**2))
    sky = (total * image / image.sum())[None].astype(np.float32)
    path = folder / "extended.npz"
    cube = observe(sky, setup, log=folder / "extended.log", visibilities=path)
    archive = np.load(path)
    u_waves, v_waves = wavelengths(archive)
    sigma = np.deg2rad(sigma_px * 0.1 / 3600)
    expected = total * np.exp(-2 * np.pi**2 * sigma**2 * (u_waves**2 + v_waves**2))
    assert np.abs(archive["visibilities"] - expected).max() < 0.01 * total
    assert cube.data[0, 32, 32] == pytest.approx(float(expected.mean()), rel=0.01)


def test_seed_decides_the_noise(noisy):
    first, again, other = noisy
    assert first.tobytes() == again.tobytes()
    beams = first.size / 14  # voxels that are independent: the beam covers about 14 px
    assert abs(np.corrcoef(first.ravel(), other.ravel())[0, 1]) < 5 / np.sqrt(beams)
    channels = np.corrcoef(first.reshape(4, -1))
    assert np.abs(channels[~np.eye(4, dtype=bool)]).max() < 5 / np.sqrt(beams / 4)


def test_thermal_noise_is_that_of_the_array(noisy):
    """Measured at these settings: 0.375 mJy/beam; and it falls with the root of the bandwidth."""
    first, _, other = noisy
    assert thermal_rms(first) == pytest.approx(0.375e-3, rel=0.1)
    assert first.std() / other.std() == pytest.approx(2.0, rel=0.1)


def test_failure_inside_casa_names_cube_and_log_and_leaves_no_scratch(tmp_path):
    setup = Observation(n_pixels=32, n_channels=1, integration_s=1200.0, direction="J2000 03h59m59.96s 85d00m00s")
    log, scratch = tmp_path / "failed.log", tmp_path / "scratch"
    scratch.mkdir()
    with pytest.raises(CasaError, match=r"cube 12: CASA failed") as caught:
        observe(np.ones((1, 32, 32)), setup, log=log, scratch=scratch, name="cube 12")
    assert str(log) in str(caught.value)
    assert "elevation" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "Traceback" in log.read_text()
    assert list(scratch.iterdir()) == []


# CASA's simulator has no primary beam for these: its tasks log that and end well, and the cube is empty
WITHOUT_BEAM = {"meerkat": {"frequency_ghz": 1.4, "cell_arcsec": 2.0}, "pdbi-a": {"cell_arcsec": 0.1}}


def without_beam(array):
    return Observation(n_pixels=32, n_channels=1, integration_s=1200.0, array=array, **WITHOUT_BEAM[array])


@pytest.mark.parametrize(("array", "noise"), [("meerkat", "none"), ("pdbi-a", "thermal")])
def test_a_telescope_that_casa_cannot_simulate_is_refused_in_its_words(array, noise, tmp_path):
    log = tmp_path / "casa.log"
    with pytest.raises(CasaError, match="Failed to create SkyEquation") as caught:
        observe(point((1, 32, 32), 0, 0), without_beam(array), noise, log=log, name="cube 4")
    assert str(caught.value).startswith("cube 4: CASA failed: it has no primary beam of")
    assert str(log) in str(caught.value)
    assert "SkyEquation" in log.read_text()


def test_such_a_telescope_has_no_response_either(tmp_path):
    with pytest.raises(CasaError, match="no primary beam of MeerKAT"):
        get_response(without_beam("meerkat"), tmp_path / "cache", shape=(1, 32, 32))
    assert not list((tmp_path / "cache").glob("*/"))


def test_visibilities_that_are_all_zero_are_refused_though_casa_says_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(casa, "HARMLESS", {"Simulator": "as if it had said nothing"})
    with pytest.raises(CasaError, match="every predicted visibility is zero"):
        observe(point((1, 32, 32), 0, 0), without_beam("meerkat"), "thermal", log=tmp_path / "casa.log")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"array": "alma.cycle9.33"}, r"alma\.cycle9\.3"),
        ({"sky": np.full((1, 8, 8), np.nan)}, "NaN"),
        ({"sky": np.zeros((8, 8))}, "channel, y, x"),
        ({"noise": "white"}, "none or thermal"),
        ({"seed": -1}, "seed is -1"),
        ({"scratch": "/nowhere/at/all"}, "no such directory"),
        ({"total_time_s": 1e12}, "GB free"),
    ],
)
def test_bad_input_is_refused_before_casa_starts(changes, words, tmp_path, monkeypatch):
    monkeypatch.setattr("subprocess.run", lambda *_, **__: pytest.fail("CASA was started"))
    fields = {key: value for key, value in changes.items() if key in ("array", "total_time_s")}
    arguments = {"sky": np.zeros((1, 8, 8))} | {key: value for key, value in changes.items() if key not in fields}
    with pytest.raises(CubefocusError, match=words):
        observe(observation=Observation(n_pixels=8, n_channels=1, **fields), log=tmp_path / "x.log", **arguments)


def test_existing_products_are_not_overwritten(tmp_path):
    (tmp_path / "v.npz").touch()
    with pytest.raises(CubefocusError, match=r"v\.npz: exists"):
        observe(np.zeros((1, 8, 8)), Observation(), log=tmp_path / "x.log", visibilities=tmp_path / "v.npz")


def test_killed_casa_is_told_apart_from_a_failing_one(tmp_path, monkeypatch):
    killed = subprocess.CompletedProcess([], -signal.SIGKILL)
    monkeypatch.setattr("subprocess.run", lambda *_, **__: killed)
    with pytest.raises(CasaError, match=r"cube 3: CASA failed: stopped by signal SIGKILL \(perhaps out of memory"):
        observe(np.zeros((1, 8, 8)), Observation(), log=tmp_path / "x.log", name="cube 3")


def test_scratch_goes_also_when_the_caller_is_killed(tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    program = f"""
import numpy as np
from cubefocus.engines.casa import observe
from cubefocus.instrument.observation import Observation
scratch, log = {str(scratch)!r}, {str(tmp_path / "x.log")!r}
observe(np.ones((4, 64, 64)), Observation(integration_s=60.0), "thermal", log=log, scratch=scratch)
"""
    caller = subprocess.Popen([sys.executable, "-c", program])
    wait_until(lambda: list(scratch.glob("*/output.log")) or caller.poll() is not None)
    assert caller.poll() is None, "it ended before it was killed"
    caller.kill()
    caller.wait()
    wait_until(lambda: not list(scratch.iterdir()))


def wait_until(condition):
    """Wait for a condition, however busy the machine is, or fail."""
    end = time.monotonic() + 600
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)
