"""Noise: measured whatever the cube holds, added so that the target is reached."""

import math

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from cubefocus.errors import CubefocusError
from cubefocus.instrument.noise import add_white, central_peak, image_snr, white_rms
from cubefocus.stats.noise import thermal_rms


def source_cube(n_channels=32, size=64, peak=0.03):
    """Bright sources with continuum slope and lines, smoothed as by a beam."""
    channel = np.arange(n_channels)[:, None, None]
    y, x = np.mgrid[:size, :size]
    cube = np.zeros((n_channels, size, size))
    for x0, y0, z0 in ((32, 32, 16), (40, 25, 9), (20, 45, 22)):
        image = np.exp(-((x - x0) ** 2 + (y - y0) ** 2) / (2 * 3.0**2))
        cube += image * (0.3 + 0.002 * channel + 0.7 * np.exp(-((channel - z0) ** 2) / (2 * 1.5**2)))
    return (peak * cube / cube.max()).astype(np.float32)


@pytest.mark.parametrize("n_channels", [3, 32])
def test_thermal_rms_sees_noise_not_sources(n_channels):
    rng = np.random.default_rng(1)
    noise = gaussian_filter(rng.standard_normal((n_channels, 128, 128)), (0, 2, 2))
    noise *= 4e-4 / noise.std()
    cube = source_cube(n_channels, 128) + noise
    assert thermal_rms(cube) == pytest.approx(4e-4, rel=0.06)
    cube[:, :20] = np.nan
    assert thermal_rms(cube) == pytest.approx(4e-4, rel=0.06)


@pytest.mark.parametrize("n_channels", [1, 2])
def test_thermal_rms_of_few_channels(n_channels):
    noise = 2.0 * np.random.default_rng(2).standard_normal((n_channels, 100, 100))
    assert thermal_rms(noise) == pytest.approx(2.0, rel=0.05)


def test_blank_cube_has_no_noise():
    assert thermal_rms(np.full((4, 8, 8), np.nan)) == 0.0


@pytest.mark.parametrize("snr", [3.0, 10.0, 30.0])
def test_white_noise_reaches_target_on_integrated_image(snr):
    """Thermal noise first, then white noise: measured on the integrated image, not computed from the same formula."""
    rng = np.random.default_rng(3)
    clean = source_cube()
    thermal = 1e-4
    dirty = add_white(clean, thermal, rng)
    peak = central_peak(clean, 32, 32)
    rms = white_rms(peak, snr, thermal, len(clean))
    noisy = add_white(dirty, rms, rng)
    measured = np.std((noisy - clean).sum(axis=0))
    assert clean.sum(axis=0)[32, 32] / measured == pytest.approx(snr, rel=0.05)


def test_unreachable_target_adds_nothing_and_tells_what_is_reached():
    peak, thermal, n_channels = 1.0, 0.1, 100
    assert white_rms(peak, 30.0, thermal, n_channels) == 0.0
    assert image_snr(peak, thermal, 0.0, n_channels) == pytest.approx(1.0)
    assert image_snr(peak, 0.0, 0.0, n_channels) == math.inf


def test_white_noise_keeps_blank_voxels_and_follows_its_generator():
    data = np.zeros((4, 16, 16), np.float32)
    data[:, 0] = np.nan
    one, same, other = (add_white(data, 1.0, np.random.default_rng(seed)) for seed in (5, 5, 6))
    assert np.isnan(one[:, 0]).all()
    assert np.isfinite(one[:, 1:]).all()
    assert one.tobytes() == same.tobytes()
    assert abs(np.corrcoef(one[:, 1:].ravel(), other[:, 1:].ravel())[0, 1]) < 5 / math.sqrt(one[:, 1:].size)


def test_absorption_counts_by_its_depth():
    assert central_peak(-source_cube(), 32, 32) == central_peak(source_cube(), 32, 32)


@pytest.mark.parametrize("rms", [-1.0, math.nan, math.inf])
def test_impossible_rms_is_refused(rms):
    with pytest.raises(CubefocusError, match="rms"):
        add_white(np.zeros((1, 2, 2)), rms, np.random.default_rng(1))


def test_impossible_target_is_refused():
    with pytest.raises(CubefocusError, match="target SNR is 0"):
        white_rms(1.0, 0, 0.1, 4)
    with pytest.raises(CubefocusError, match="outside the image"):
        central_peak(np.zeros((2, 8, 8)), 20, 20)
