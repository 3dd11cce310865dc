"""Cut-outs keep flux, find the right pixels, and take the continuum away."""

import numpy as np
import pytest

from cubefocus.cube import cutouts


def gaussian_cube(x=40.3, y=30.7, z=12.0, continuum=0.5, line=3.0, fwhm=4.0, sigma=2.0, shape=(32, 64, 80)):
    """A round Gaussian source with flat continuum and a Gaussian line; returns cube and spectrum."""
    channels = np.arange(shape[0])
    spectrum = continuum + line * np.exp(-0.5 * ((channels - z) / (fwhm / cutouts.SIGMA_TO_FWHM)) ** 2)
    yy, xx = np.mgrid[: shape[1], : shape[2]]
    image = np.exp(-0.5 * ((xx - x) ** 2 + (yy - y) ** 2) / sigma**2)
    return (spectrum[:, None, None] * image).astype(np.float32), spectrum * image.sum()


def test_integrate_takes_other_channels_for_a_blank_one_and_no_flux_for_a_blank_pixel():
    data = np.ones((3, 4, 4), dtype=np.float32)
    data[:, 0, 0] = np.nan
    data[1, 2, 2] = np.nan
    image = cutouts.integrate(data)
    assert image[0, 0] == 0
    assert image[2, 2] == 3
    assert image[3, 3] == 3


def test_scale01_and_standardise_bear_constants():
    images = cutouts.scale01(np.stack([np.full((4, 4), 7.0), np.arange(16.0).reshape(4, 4)]))
    assert images[0].max() == 0
    assert (images[1].min(), images[1].max()) == (0, 1)
    spectra = cutouts.standardise(np.stack([np.full(8, 2.0), np.arange(8.0)]))
    assert np.all(spectra[0] == 0)
    assert (spectra[1].mean(), spectra[1].std()) == pytest.approx((0, 1))


@pytest.mark.parametrize(
    ("limits", "expected"), [((2.2, 5.9), (3, 6)), ((-4, 1), (0, 2)), ((30.2, 40), (31, 32)), ((5.2, 5.4), (6, 7))]
)
def test_channel_slice_clips_and_is_never_empty(limits, expected):
    channels = cutouts.channel_slice(*limits, 32)
    assert (channels.start, channels.stop) == expected


def test_box_spectrum_is_the_sum_over_the_box():
    data = np.arange(2 * 3 * 4, dtype=np.float32).reshape(2, 3, 4)
    spectra = cutouts.box_spectra(data, np.array([[1, 0, 3, 2], [-5, -5, 99, 99]]))
    np.testing.assert_array_equal(spectra[0], data[:, 0:2, 1:3].sum(axis=(1, 2)))
    np.testing.assert_array_equal(spectra[1], data.sum(axis=(1, 2)))


def test_cutout_at_the_border_pads_with_zero_and_keeps_the_centre():
    image = np.arange(100, dtype=float).reshape(10, 10)
    patch = cutouts.cutout(image, 0.2, 9.1, 6)
    assert patch[3, 3] == image[9, 0]
    assert np.all(patch[4:] == 0)
    assert np.all(patch[:, :3] == 0)


def test_focused_image_holds_the_flux_of_its_line():
    data, spectrum = gaussian_cube()
    image = cutouts.focus(data, 40.3, 30.7, 8.0, 16.0)
    assert image.sum() == pytest.approx(spectrum[8:17].sum(), rel=1e-4)
    assert np.unravel_index(image.argmax(), image.shape) == (32, 32)


def test_line_image_holds_the_line_and_not_the_continuum():
    data, spectrum = gaussian_cube()
    trend = cutouts.continuum_trend(spectrum, np.array([[8.0, 16.0]]))
    image = cutouts.line_image(data, (40.3, 30.7), (8.0, 16.0), (2.0, 2.0, 0.0), trend)
    continuum = spectrum.min()
    assert image.sum() == pytest.approx((spectrum[8:17] - continuum).sum(), rel=0.01)


def test_sloping_continuum_leaves_no_line():
    data, _ = gaussian_cube(line=0.0)
    slope = np.linspace(0.5, 1.5, data.shape[0])
    data = (data * slope[:, None, None]).astype(np.float32)
    trend = cutouts.continuum_trend(data.sum(axis=(1, 2)), np.array([[20.0, 26.0]]))
    np.testing.assert_allclose(trend, slope / slope.mean(), rtol=1e-4)
    image = cutouts.line_image(data, (40.3, 30.7), (20.0, 26.0), (2.0, 2.0, 0.0), trend)
    assert abs(image.sum()) < 1e-3 * data[20:27].sum()


def test_trend_of_pure_noise_is_flat():
    noise = np.random.default_rng(3).normal(size=32)
    np.testing.assert_array_equal(cutouts.continuum_trend(noise - noise.mean(), np.array([[3.0, 9.0]])), np.ones(32))


def test_mask_is_the_ellipse_of_the_model():
    mask = cutouts.source_mask(64, 0.0, 0.0, 6.0, 2.0, 90.0)
    # At 90 degrees clockwise the long axis lies along -y.
    rows, columns = (np.ptp(axis) + 1 for axis in np.nonzero(mask))
    assert (rows, columns) == (2 * int(6 * cutouts.SIGMA_TO_FWHM) + 1, 2 * int(2 * cutouts.SIGMA_TO_FWHM) + 1)
