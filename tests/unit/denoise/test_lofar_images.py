"""Noise and dirty images of a sky, in its own unit."""

import numpy as np
import pytest

from cubefocus.denoise.images import beam_area, dirty_image, imaging_of, noise_image
from cubefocus.denoise.lofar import dutch_stations, track
from cubefocus.errors import CubefocusError


@pytest.fixture(scope="module")
def imaging():
    pytest.importorskip("ducc0", reason="ducc0 is not installed")
    pytest.importorskip("lofarantpos", reason="lofarantpos is not installed")
    return imaging_of(track(dutch_stations(), integration_s=1800.0), 128)


def test_noise_image_has_the_noise_of_a_beam_per_its_area():
    sky = np.linspace(0, 1e-4, 256**2).reshape(256, 256)
    noise = noise_image(sky, 1) - sky
    assert noise.std() == pytest.approx(1e-4 / 40.7926, rel=0.01)
    assert noise.mean() == pytest.approx(0.0, abs=3 * noise.std() / 256)
    assert np.corrcoef(noise[:, 1:].ravel(), noise[:, :-1].ravel())[0, 1] == pytest.approx(0.0, abs=0.02)


def test_noise_image_of_a_seed_is_the_same():
    sky = np.zeros((64, 64))
    assert np.array_equal(noise_image(sky, 5), noise_image(sky, 5))
    assert not np.array_equal(noise_image(sky, 5), noise_image(sky, 6))
    assert np.array_equal(noise_image(sky, 5, rms_jy_beam=0.0), sky.astype(np.float32))


def test_area_of_a_beam_is_the_integral_of_a_gaussian():
    y, x = np.mgrid[-200:201, -200:201] * 0.1
    gaussian = np.exp(-4 * np.log(2) * ((x / 5.0) ** 2 + (y / 3.0) ** 2))
    assert beam_area(5.0, 3.0) == pytest.approx(gaussian.sum() * 0.01, rel=1e-6)


def test_dirty_image_shows_a_source_with_its_flux_per_beam(imaging):
    sky = np.zeros((128, 128))
    sky[80, 40] = 0.25  # 1 Jy in a pixel of 4 arcsec^2
    image = dirty_image(sky, imaging, seed=1, rms_jy_beam=0.0)
    assert image.dtype == np.float32
    assert np.unravel_index(image.argmax(), image.shape) == (80, 40)
    assert image[80, 40] * beam_area(*imaging.beam[:2]) == pytest.approx(1.0, rel=1e-5)


def test_dirty_image_of_an_empty_sky_is_noise_of_the_rms_that_grows_as_the_primary_beam_falls(imaging):
    sky = np.zeros((128, 128))
    images = np.array([dirty_image(sky, imaging, seed) for seed in range(8)])
    in_beam = images * beam_area(*imaging.beam[:2])
    assert (in_beam * imaging.primary_beam).std() == pytest.approx(1e-4, rel=0.05)
    assert np.array_equal(images[3], dirty_image(sky, imaging, 3))
    assert not np.array_equal(images[3], images[4])


def test_dirty_image_is_linear_in_the_sky(imaging):
    rng = np.random.default_rng(3)
    first, second = rng.random((2, 128, 128)) * 1e-5
    parts = [dirty_image(sky, imaging, 1, 0.0).astype(float) for sky in (first, second, first + second)]
    assert parts[0] + parts[1] == pytest.approx(parts[2], abs=1e-5 * np.abs(parts[2]).max())


def test_what_cannot_be_imaged_is_refused(imaging):
    with pytest.raises(CubefocusError, match=r"shape \(64, 64\), the grid 128 x 128"):
        dirty_image(np.zeros((64, 64)), imaging, 1)
    with pytest.raises(CubefocusError, match=r"-1.0 Jy/beam"):
        dirty_image(np.zeros((128, 128)), imaging, 1, rms_jy_beam=-1.0)
    with pytest.raises(CubefocusError, match="beam of 0"):
        noise_image(np.zeros((64, 64)), 1, beam_arcsec=0.0)
