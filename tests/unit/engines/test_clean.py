"""CLEAN: the components of tclean, on the cube as it is; a batch of it goes on where it ended."""

import importlib.util
import json
import os
import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from cubefocus.cube.cube import Cube
from cubefocus.cube.reading import read_cube
from cubefocus.cube.writing import write_cube
from cubefocus.engines import clean as module
from cubefocus.engines.casa import ONE_THREAD, SITE_CONFIG, CasaError, observe
from cubefocus.engines.clean import clean, integrated
from cubefocus.errors import CubefocusError
from cubefocus.files import write_table
from cubefocus.find.cubes import clean_beams, cleaned_images
from cubefocus.instrument.observation import Observation
from cubefocus.jobs import clean as jobs_clean
from cubefocus.jobs.clean import clean_batch

SETUP = Observation(n_pixels=64, n_channels=4, cell_arcsec=0.25, integration_s=600.0)
TCLEAN = """
import json, sys
from casatasks import exportfits, tclean
for name, niter, size in (("dirty", 0, 128), ("clean", 200, 64)):
    tclean(vis=sys.argv[-1], imagename=name, niter=niter, imsize=size, **json.load(open("arguments.json")))
for name in ("dirty.psf", "clean.image"):
    exportfits(name, f"{name}.fits", velocity=False)
"""


def two_sources(shape):
    y, x = np.indices(shape[1:])
    image = 1e-3 * np.exp(-((x - 30) ** 2 + (y - 34) ** 2) / 8) + 5e-4 * np.exp(-((x - 44) ** 2 + (y - 20) ** 2) / 4)
    return (np.arange(1, shape[0] + 1)[:, None, None] * image).astype(np.float32)


@pytest.mark.casa
@pytest.mark.skipif(importlib.util.find_spec("casatasks") is None, reason="CASA is not installed")
def test_it_gives_the_image_of_tclean_from_the_dirty_cube_alone(tmp_path):
    dirty = observe(two_sources(SETUP.cube_shape), SETUP, log=tmp_path / "a.log", keep_ms=tmp_path / "obs.ms")
    (tmp_path / "site.py").write_text(SITE_CONFIG.format(scratch=str(tmp_path), log=str(tmp_path / "casa.log")))
    arguments = {"cell": "0.25arcsec", "specmode": "cube", "weighting": "natural", "pblimit": 0.2}
    (tmp_path / "arguments.json").write_text(json.dumps(arguments))
    environment = os.environ | ONE_THREAD | {"CASASITECONFIG": str(tmp_path / "site.py")}
    command = [sys.executable, "-P", "-c", TCLEAN, "--noconfig", "obs.ms"]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)
    theirs, psf = (fits.getdata(tmp_path / f"{name}.fits").squeeze() for name in ("clean.image", "dirty.psf"))
    ours = clean(dirty, psf, tmp_path / "clean.log", scratch=tmp_path).data
    kept = np.isfinite(dirty.data)
    assert np.array_equal(np.isfinite(ours), kept)
    changed = np.abs(dirty.data - theirs)[kept].max()
    assert changed > 0.05 * np.nanmax(dirty.data)  # there was something to clean
    assert np.abs(ours - theirs)[kept].max() < 0.02 * changed
    assert np.abs(ours - theirs)[kept].max() < 0.002 * np.nanmax(dirty.data)


def dirty_beam(size, seed=3):
    """A dirty beam with sidelobes, one where its centre is: of a few baselines that turn."""
    rng = np.random.default_rng(seed)
    sampled = np.zeros((size, size // 2 + 1))
    angles = np.linspace(0, np.pi, 40)
    for length, start in zip(rng.uniform(2, size / 5, 8), rng.uniform(0, np.pi, 8), strict=True):
        u, v = length * np.cos(angles + start), length * np.sin(angles + start)
        u, v = np.where(u < 0, -u, u), np.where(u < 0, -v, v)
        sampled[np.rint(v).astype(int) % size, np.rint(u).astype(int)] = 1.0
    image = np.fft.fftshift(np.fft.irfft2(sampled, (size, size)))
    return (image / image.max()).astype(np.float32)


@pytest.mark.casa
@pytest.mark.skipif(importlib.util.find_spec("casatasks") is None, reason="CASA is not installed")
def test_what_is_blank_has_no_components_and_the_threshold_ends_it(tmp_path):
    """What the sidelobes would be there is not known: taken for zero, what is found there grows without end."""
    psf = np.stack([dirty_beam(128)] * 2)
    y, x = np.indices((64, 64))
    data = 0.02 * np.stack([psf[0, 64 - 30 : 128 - 30, 64 - 38 : 128 - 38]] * 2)
    data += 1e-4 * np.random.default_rng(1).standard_normal(data.shape)
    data[:, np.hypot(x - 32, y - 32) > 20] = np.nan
    header = SETUP.header((2, 64, 64), "Jy/beam")
    dirty = Cube(data.astype(np.float32), header)
    deep = clean(dirty, psf, tmp_path / "deep.log", niter=20_000, threshold=1e-3, scratch=tmp_path).data
    assert np.array_equal(np.isfinite(deep), np.isfinite(data))
    assert 0.019 < np.nanmax(deep) < 0.021
    away = np.hypot(x - 38, y - 30) > 12
    assert np.nanmax(np.abs(data[:, away])) > 2.5e-3  # sidelobes
    assert np.nanmax(np.abs(deep[:, away])) < 1.5e-3
    shallow = clean(dirty, psf, tmp_path / "shallow.log", niter=20_000, threshold=1.0, scratch=tmp_path).data
    assert shallow == pytest.approx(dirty.data, abs=1e-6, nan_ok=True)  # nothing is that bright


def test_what_cannot_be_cleaned_is_told(tmp_path):
    cube = Cube(np.zeros((2, 8, 8), np.float32), SETUP.header((2, 8, 8)))
    with pytest.raises(CubefocusError, match="niter is 0"):
        clean(cube, np.zeros((2, 8, 8)), tmp_path / "log", niter=0)
    with pytest.raises(CubefocusError, match=r"cube 7: a dirty beam of shape .* is not twice as large"):
        clean(cube, np.zeros((2, 16, 12)), tmp_path / "log", name="cube 7")
    with pytest.raises(CubefocusError, match="threshold is -1"):
        clean(cube, np.zeros((2, 16, 16)), tmp_path / "log", threshold=-1.0)


def test_the_sum_over_channels_has_one_channel_as_wide_as_the_band():
    one = integrated(Cube(np.ones((4, 8, 8), np.float32), SETUP.header((4, 8, 8))))
    assert one.data.shape == (1, 8, 8)
    assert one.data == pytest.approx(4.0)
    whole = Cube(np.ones((4, 8, 8), np.float32), SETUP.header((4, 8, 8)))
    assert one.frequencies_hz[0] == pytest.approx(whole.frequencies_hz.mean())
    assert one.header["CDELT3"] == pytest.approx(4 * whole.header["CDELT3"])


@contextmanager
def restored(job, images, log, scratch, name):
    """A stand-in for CASA: twice the cube comes back, that of cube 6 never does."""
    if name == "cube 6" and not (log.parent / "mended").exists():
        raise CasaError(f"{name}: CASA failed; see {log}")
    log.write_text("cleaned")
    fits.PrimaryHDU(2 * images["residual"][0]).writeto(log.parent / "restored.fits", overwrite=True)
    yield log.parent, {"components": 200}
    (log.parent / "restored.fits").unlink()


def test_a_batch_goes_on_with_the_cubes_that_are_missing(tmp_path, monkeypatch):
    calls = []

    @contextmanager
    def counted(job, images, log, scratch, name):
        calls.append(name)
        with restored(job, images, log, scratch, name) as ran:
            yield ran

    class Response:
        def psf(self):
            return np.ones((2, 16, 16), np.float32)

    monkeypatch.setattr(module, "run_job", counted)
    monkeypatch.setattr(module, "require_casa", lambda: None)
    monkeypatch.setattr(jobs_clean, "open_response", lambda folder: Response())
    header = SETUP.header((2, 8, 8))
    header["BMAJ"], header["BMIN"], header["BPA"] = 1.0 / 3600, 0.5 / 3600, 20.0
    cubes = [{"cube_id": cube, "noise_seed": cube} for cube in (5, 6, 7)]
    write_table(tmp_path / "cubes" / "truth.ecsv", Table(meta={"cubes": cubes}), {})
    for cube in (5, 6, 7):
        data = np.full((2, 8, 8), cube, np.float32)
        data[:, 0] = np.nan
        write_cube(tmp_path / "cubes" / f"{cube:06d}.dirty.fits", data, header, {})
    arguments = (tmp_path / "cubes", [5, 6, 99], [SETUP], tmp_path / "responses", tmp_path / "cleaned", {})
    with pytest.raises(CasaError, match="cube 6"):
        clean_batch(*arguments)
    (tmp_path / "cleaned.partial" / "mended").touch()
    clean_batch(*arguments)
    clean_batch(*arguments)
    assert calls == ["cube 5", "cube 6", "cube 6"]
    images = cleaned_images([tmp_path / "cleaned"])
    assert {cube: float(image[1, 0]) for cube, image in images.items()} == {5: 20.0, 6: 24.0}
    assert not images[5][0].any()  # no data
    beams = clean_beams([tmp_path / "cleaned"])
    assert {cube: pytest.approx(beam) for cube, beam in beams.items()} == dict.fromkeys((5, 6), (4.0, 2.0, 20.0))
    assert read_cube(tmp_path / "cleaned" / "000005.clean.fits").header["CDELT3"] == pytest.approx(2e7)
