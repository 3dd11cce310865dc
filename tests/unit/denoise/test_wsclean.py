"""The engine of clean images: the program itself where it is installed, and small programs in its place."""

import errno
import importlib.util
import sys
from dataclasses import replace

import numpy as np
import pytest

from cubefocus.denoise import wsclean
from cubefocus.denoise.gridder import dirty, psf
from cubefocus.denoise.images import beam_area, dirty_image, imaging_of, observed
from cubefocus.denoise.lofar import dutch_stations, track
from cubefocus.denoise.measurement_set import write_measurement_set
from cubefocus.errors import CubefocusError

pytest.importorskip("ducc0", reason="ducc0 is not installed")
pytest.importorskip("lofarantpos", reason="lofarantpos is not installed")

SIZE = 256


def with_wsclean(test):
    casa = importlib.util.find_spec("casatools") is not None
    test = pytest.mark.skipif(not casa, reason="CASA is not installed")(test)
    return pytest.mark.casa(pytest.mark.skipif(not wsclean.available(), reason="WSClean is not installed")(test))


@pytest.fixture(scope="module")
def imaging():
    return imaging_of(track(dutch_stations(), integration_s=600.0), SIZE)


@pytest.fixture(scope="module")
def sky():
    """A bright source, a faint one, and a disc of low surface brightness, Jy/arcsec^2."""
    y, x = np.mgrid[:SIZE, :SIZE]
    sky = 2e-5 * (np.hypot(y - 90, x - 170) < 15)
    sky[160, 60], sky[200, 200] = 0.1 / 4.0, 0.005 / 4.0
    return sky


@with_wsclean
def test_dirty_images_of_both_engines_agree(imaging, sky, tmp_path):
    visibilities = observed(sky, imaging, seed=2)
    made = wsclean.clean(visibilities, imaging, wsclean.Clean(iterations=0), scratch=tmp_path)
    own = dirty(visibilities, imaging.weights, imaging.tracks, SIZE, imaging.cell_arcsec)
    assert np.abs(made.dirty - own).max() < 1e-3 * own.max()
    assert np.abs(made.psf - psf(imaging.weights, imaging.tracks, SIZE, imaging.cell_arcsec)).max() < 1e-3
    assert not [*tmp_path.iterdir()]


@with_wsclean
def test_clean_image_has_the_fluxes_of_the_sky(imaging, sky):
    made = wsclean.clean_images(sky, imaging, seed=2)
    assert made.clean.shape == made.dirty.shape == made.psf.shape == (SIZE, SIZE)
    area = beam_area(6.0, 6.0)
    assert np.unravel_index(made.clean.argmax(), sky.shape) == (160, 60)
    assert made.clean[160, 60] * area == pytest.approx(0.1, rel=0.02)
    assert made.clean[195:206, 195:206].max() * area == pytest.approx(0.005, abs=5e-4)
    y, x = np.mgrid[:SIZE, :SIZE]
    around = np.hypot(y - 90, x - 170) < 20
    assert made.clean[around].sum() == pytest.approx(sky[around].sum(), rel=0.1)
    empty = made.clean[8:60, 8:120] * area
    assert empty.std() == pytest.approx(1e-4, rel=0.3)
    assert made.dirty == pytest.approx(dirty_image(sky, imaging, seed=2), abs=1e-3 * float(made.dirty.max()))


@with_wsclean
def test_measurement_set_is_whole_or_not_there(imaging, tmp_path):
    zeros = np.zeros(len(imaging.tracks.uvw), complex)
    broken = replace(imaging.tracks, stations=replace(imaging.tracks.stations, positions_m=np.zeros((2, 2))))
    with pytest.raises(CubefocusError, match="CASA could not write the Measurement Set"):
        write_measurement_set(tmp_path / "track.ms", zeros, broken)
    assert not [*tmp_path.iterdir()]
    write_measurement_set(tmp_path / "track.ms", zeros, imaging.tracks)
    assert [path.name for path in tmp_path.iterdir()] == ["track.ms"]
    with pytest.raises(CubefocusError, match="exists already"):
        write_measurement_set(tmp_path / "track.ms", zeros, imaging.tracks)


def test_visibilities_of_other_tracks_are_refused(imaging, tmp_path):
    with pytest.raises(CubefocusError, match="one visibility a row"):
        write_measurement_set(tmp_path / "track.ms", np.zeros(5, complex), imaging.tracks)


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Put a Python program on PATH in the place of WSClean, and no Measurement Set before it."""

    def put(source):
        folder = tmp_path / "bin"
        folder.mkdir()
        (folder / "wsclean").write_text(f"#!{sys.executable}\n{source}")
        (folder / "wsclean").chmod(0o755)
        monkeypatch.setenv("PATH", str(folder))
        monkeypatch.setattr(wsclean, "write_measurement_set", lambda path, *_: path.mkdir())

    return put


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("print('reading')\nprint('+ >>> no room for wisdom +')\nraise SystemExit(3)", "status 3.*no room for wisdom"),
        ("import os\nprint('gridding', flush=True)\nos.kill(os.getpid(), 9)", "stopped by SIGKILL.*gridding"),
        ("print('all is well')", "left no image-image.fits.*all is well"),
        (
            "import numpy as np\nfrom astropy.io import fits\n"
            "fits.PrimaryHDU(np.full((1, 1, 256, 256), np.nan)).writeto('image-image.fits')",
            "65536 pixels that are no numbers",
        ),
    ],
)
def test_failure_is_told_with_the_end_of_the_log_and_leaves_nothing(imaging, tmp_path, program, source, message):
    program(source)
    scratch = tmp_path / "scratch"
    with pytest.raises(CubefocusError, match=message):
        wsclean.clean(np.zeros(len(imaging.tracks.uvw), complex), imaging, scratch=scratch)
    assert not [*scratch.iterdir()]


def test_a_full_disk_is_told_as_such(imaging, tmp_path, program, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    program("")
    monkeypatch.setattr(wsclean, "write_measurement_set", full)
    with pytest.raises(CubefocusError, match=r"scratch: the disk is full; make room"):
        wsclean.clean(np.zeros(len(imaging.tracks.uvw), complex), imaging, scratch=tmp_path / "scratch")
    assert not [*(tmp_path / "scratch").iterdir()]


def test_without_casa_the_error_says_how_to_get_it(imaging, tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(CubefocusError, match=r"pip install 'cubefocus\[casa\]'"):
        write_measurement_set(tmp_path / "track.ms", np.zeros(len(imaging.tracks.uvw), complex), imaging.tracks)


def test_options_reach_the_program(imaging, program, tmp_path):
    program("import sys\nprint(*sys.argv[1:])\nraise SystemExit(1)")
    options = wsclean.Clean(iterations=7, auto_threshold=2.5, beam_arcsec=8.0, multiscale=False)
    with pytest.raises(CubefocusError) as error:
        wsclean.clean(np.zeros(len(imaging.tracks.uvw), complex), imaging, options)
    for words in ("-j 1", "-size 256 256", "-scale 2.0asec", "-weight briggs 0.0", "-niter 7", "-beam-size 8.0"):
        assert words in str(error.value)
    assert "-auto-threshold 2.5" in str(error.value)
    assert "-multiscale" not in str(error.value)


def test_without_the_program_the_error_says_how_to_get_it(imaging, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not wsclean.available()
    with pytest.raises(CubefocusError, match="apt-get install wsclean"):
        wsclean.clean(np.zeros(len(imaging.tracks.uvw), complex), imaging)
