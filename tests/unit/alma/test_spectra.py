"""Peaks, fits, and spectra of another length than the network's."""

import warnings

import numpy as np
import pytest
from astropy.modeling import fitting, models

from cubefocus.alma.spectra import clean_spectra, find_lines, resample
from cubefocus.cube.scale import SIGMA_TO_FWHM
from cubefocus.settings import SpectraSettings

SETTINGS = SpectraSettings()


def gaussian(z: float, fwhm: float, height: float = 1.0, n: int = 64) -> np.ndarray:
    return height * np.exp(-0.5 * ((np.arange(n) - z) * SIGMA_TO_FWHM / fwhm) ** 2)


def test_fit_gives_centre_width_and_range():
    (line,) = find_lines(gaussian(30.3, 6.0), SETTINGS)
    assert line.z == pytest.approx(30.3, abs=1e-3)
    assert line.fwhm == pytest.approx(6.0, abs=1e-3)
    assert line.range == pytest.approx((24.3, 36.3), abs=1e-2)
    assert line.fitted


def test_errors_follow_the_noise():
    rng = np.random.default_rng(1)
    residuals, errors = [], []
    for _ in range(100):
        (line,) = find_lines(gaussian(30.3, 6.0) + rng.normal(0, 0.02, 64), SpectraSettings(0.1, 0.5))
        residuals.append(line.z - 30.3)
        errors.append(line.z_err)
    assert np.std(residuals) == pytest.approx(np.mean(errors), rel=0.3)


def test_fit_is_that_of_a_general_fitter():
    rng = np.random.default_rng(3)
    channels = np.arange(64, dtype=float)
    for _ in range(20):
        z, fwhm = rng.uniform(20, 40), rng.uniform(3, 10)
        spectrum = gaussian(z, fwhm, 0.8) + rng.normal(0, 0.03, 64)
        (line,) = find_lines(spectrum, SpectraSettings(0.1, 0.5))
        fitter = fitting.LevMarLSQFitter(calc_uncertainties=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            other = fitter(models.Gaussian1D(0.8, z, fwhm / SIGMA_TO_FWHM), channels, spectrum)
        assert line.z == pytest.approx(other.mean.value, abs=1e-4)
        assert line.fwhm == pytest.approx(other.stddev.value * SIGMA_TO_FWHM, rel=1e-4)
        assert line.z_err == pytest.approx(other.mean.std, rel=1e-3)
        assert line.fwhm_err == pytest.approx(other.stddev.std * SIGMA_TO_FWHM, rel=1e-3)


def test_three_channels_for_three_parameters_leave_no_error():
    first, second = find_lines(np.array([0.9, 0.7, 0.2, 0.5, 0.8, 0.6, 0.3, 0.1, 0.1]), SETTINGS)
    assert first.fitted
    assert np.isnan(first.z_err)
    assert np.isfinite(second.z_err)


@pytest.mark.parametrize("position", [0, 63])
def test_peak_in_the_border_channel_is_found(position):
    (line,) = find_lines(gaussian(position, 5.0), SETTINGS)
    assert line.z == pytest.approx(position, abs=0.6)


def test_two_lines_highest_first():
    lines = find_lines(gaussian(20, 4, 0.5) + gaussian(40, 6, 0.9), SETTINGS)
    assert [line.z for line in lines] == pytest.approx([40, 20], abs=0.01)
    assert [line.fwhm for line in lines] == pytest.approx([6, 4], abs=0.05)
    assert not lines[0].overlaps(lines[1])


def test_peak_height_is_a_threshold():
    spectrum = gaussian(20, 4, 0.09)
    assert find_lines(spectrum, SETTINGS) == []
    assert len(find_lines(spectrum, SpectraSettings(peak_height=0.05))) == 1


@pytest.mark.parametrize("level", [0.0, 0.5])
def test_flat_spectrum_has_no_line(level):
    assert find_lines(np.full(32, level), SETTINGS) == []


def test_single_bright_channel_gives_a_range_that_holds_it():
    spectrum = np.zeros(32)
    spectrum[11] = 0.8
    (line,) = find_lines(spectrum, SETTINGS)
    assert line.range[0] <= 11 <= line.range[1]
    assert 0.5 <= line.fwhm <= 3


def test_resampling_up_and_back_keeps_a_line():
    spectrum = gaussian(9.0, 4.0, n=21)[np.newaxis]
    back = resample(resample(spectrum, 128), 21)
    (line,) = find_lines(back[0], SETTINGS)
    assert line.z == pytest.approx(9.0, abs=0.1)
    assert line.fwhm == pytest.approx(4.0, rel=0.1)


def test_resampling_down_keeps_the_mean_and_a_narrow_spike():
    spectrum = np.zeros((1, 512))
    spectrum[0, 201] = 8.0
    small = resample(spectrum, 100)
    assert small.mean() == pytest.approx(spectrum.mean())
    assert abs(small[0].argmax() - 201 * 100 / 512) < 1.5


def test_network_sees_its_own_length_and_standardised_spectra():
    seen = []

    def network(spectra: np.ndarray) -> np.ndarray:
        seen.append(spectra)
        return np.clip(spectra, 0, 1)

    clean = clean_spectra(np.stack([gaussian(10, 4, n=21), 5 * gaussian(12, 4, n=21)]), network, 128)
    assert clean.shape == (2, 21)
    assert seen[0].shape == (2, 128)
    np.testing.assert_allclose(seen[0].mean(axis=1), 0, atol=1e-6)
    np.testing.assert_allclose(seen[0].std(axis=1), 1, atol=1e-6)


def test_no_spectra_ask_no_network():
    def network(spectra: np.ndarray) -> np.ndarray:
        raise AssertionError("asked about nothing")

    assert clean_spectra(np.zeros((0, 16)), network, 128).shape == (0, 16)
