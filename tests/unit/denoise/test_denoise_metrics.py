"""Metrics against plain loops, and what they say of cases whose answer is known."""

import math

import numpy as np
import pytest

from cubefocus.denoise import metrics
from cubefocus.denoise.filters import fft_filter, gaussian_filter
from cubefocus.errors import CubefocusError


def test_mean_relative_error_counts_what_is_bright_enough(rng):
    sky, image = 10 ** rng.uniform(-8, -4, (9, 7)), 10 ** rng.uniform(-8, -4, (9, 7))
    sky[0, 0] = np.nan
    pairs = [(x, y) for x, y in zip(sky.ravel(), image.ravel(), strict=True) if x > 1e-7]
    assert metrics.mean_relative_error(sky, image) == pytest.approx(np.mean([abs(x - y) / x for x, y in pairs]))
    some = [abs(x - y) / x for x, y in pairs if 1e-6 < x < 1e-5]
    assert metrics.mean_relative_error(sky, image, 1e-6, 1e-5) == pytest.approx(np.mean(some))
    assert math.isnan(metrics.mean_relative_error(np.zeros((2, 2)), np.ones((2, 2))))


def test_mean_squared_error_skips_what_has_no_data():
    assert metrics.mean_squared_error(np.array([[1.0, 2.0, np.nan]]), np.array([[1.0, 5.0, 1.0]])) == 4.5


def test_discrepancy_is_the_difference_of_the_histograms():
    sky, image = np.array([[1e-6, 1e-6, 1e-5, 0.0]]), np.array([[1e-6, 1e-5, 1e-5, np.nan]])
    bins = np.array([1e-7, 3e-6, 1e-4])
    assert metrics.flux_histogram(sky, bins).tolist() == [2, 1]
    assert metrics.discrepancy(sky, image, bins) == 2
    assert metrics.discrepancy(sky, sky) == 0


def correlation_by_loops(sky, image, most):
    """GV22 Eq. 8 as it is printed."""
    n, m = sky.shape
    a, b = (sky - sky.mean()) / sky.std(), (image - image.mean()) / image.std()
    sums, counts = np.zeros(most + 1), np.zeros(most + 1)
    for k in range(-n + 1, n):
        for ell in range(-m + 1, m):
            c = sum(
                a[i, j] * b[i + k, j + ell] for i in range(n) for j in range(m) if 0 <= i + k < n and 0 <= j + ell < m
            )
            radius = round(math.hypot(k, ell))
            if radius <= most:
                sums[radius] += c / (n * m)
                counts[radius] += 1
    return sums / counts


def test_cross_correlation_is_equation_8(rng):
    sky, image = rng.normal(size=(7, 9)), rng.normal(size=(7, 9))
    found = metrics.cross_correlation(sky, image, cell=2.0, farthest=12.0)
    assert np.allclose(found.value, correlation_by_loops(sky, image, 6))
    assert found.separation.tolist() == [0, 2, 4, 6, 8, 10, 12]
    assert found.at(3.0) == pytest.approx(0.5 * (found.value[1] + found.value[2]))


def test_cross_correlation_of_what_is_alike_and_of_what_is_not(rng):
    sky = gaussian_filter(rng.normal(size=(64, 64)), 2.0)
    assert metrics.cross_correlation(sky, 3.0 * sky + 1.0).value[0] == pytest.approx(1)
    assert metrics.cross_correlation(sky, -sky).value[0] == pytest.approx(-1)
    assert abs(metrics.cross_correlation(sky, rng.normal(size=(64, 64))).value[0]) < 0.2
    assert np.isnan(metrics.cross_correlation(sky, np.ones_like(sky)).value).all()
    sky[3, 4] = np.nan
    assert metrics.cross_correlation(sky, sky).value[0] == pytest.approx(1)


def test_dimming_is_of_the_brightest_pixels(rng):
    sky = rng.uniform(size=(50, 40))
    image = np.where(sky >= np.sort(sky, axis=None)[-2], 0.9 * sky, 5.0)
    assert metrics.dimming(sky, image) == pytest.approx(0.1)
    assert metrics.dimming(sky, sky) == 0
    assert math.isnan(metrics.dimming(np.zeros((2, 2)), np.ones((2, 2))))


def test_segmentation_against_loops(rng):
    noise, bins = 1e-6, np.array([0.1, 1.0, 10.0])
    sky, image = 10 ** rng.uniform(-8, -5, (20, 20)), 10 ** rng.uniform(-8, -5, (20, 20))
    mask = rng.uniform(size=(20, 20)) > 0.4
    image[0, :3] = np.nan
    found = metrics.segmentation(sky, image, mask, noise, bins)
    held = np.isfinite(image)
    for place, (low, high) in enumerate(((0.1, 1.0), (1.0, 10.0))):
        true = held & (sky > 1e-7) & (sky / noise >= low) & (sky / noise < high)
        assert found.emission[place] == true.sum()
        assert found.completeness[place] == pytest.approx(mask[true].mean())
        chosen = held & mask & (image / noise >= low) & (image / noise < high)
        assert found.purity[place] == pytest.approx((sky[chosen] > 1e-7).mean())
    assert found.recall == pytest.approx(mask[held & (sky > 1e-7)].mean())
    assert found.precision == pytest.approx((sky[held & mask] > 1e-7).mean())
    nothing = metrics.segmentation(sky, image, np.zeros_like(mask), noise)
    assert np.isnan(nothing.purity).all()
    assert math.isnan(nothing.precision)
    assert nothing.recall == 0


def test_a_step_across_a_border_is_found_and_one_of_the_sky_is_not(rng):
    reference = rng.normal(size=(12, 10))
    image = reference.copy()
    image[:, 5:] += 0.25
    assert metrics.largest_step(image, reference, (np.array([6]), np.array([5]))) == pytest.approx(0.25)
    assert metrics.largest_step(image, reference, (np.array([6]), np.array([4]))) == pytest.approx(0, abs=1e-12)
    assert metrics.largest_step(image, reference, (np.array([], int), np.array([], int))) == 0


def test_images_of_other_fields_are_refused():
    with pytest.raises(CubefocusError, match=r"\(2, 2\) pixels and the image of \(3, 2\)"):
        metrics.mean_squared_error(np.zeros((2, 2)), np.zeros((3, 2)))


def test_the_gaussian_filter_spreads_a_point_and_keeps_its_flux():
    image = np.zeros((61, 61))
    image[30, 30] = 1.0
    smooth = gaussian_filter(image)
    assert smooth.sum() == pytest.approx(1)
    assert smooth[30, 30] == pytest.approx(1 / (2 * np.pi * 9), rel=0.01)


def test_filters_keep_blanks_and_do_not_spread_them(rng):
    image = np.ones((40, 40))
    image[10:20, 5:9] = np.nan
    for smooth in (gaussian_filter(image), fft_filter(image)):
        assert np.array_equal(np.isnan(smooth), np.isnan(image))
    assert np.nanmax(np.abs(gaussian_filter(image) - 1.0)) < 1e-12


def test_the_fft_filter_takes_high_frequencies_only():
    y, x = np.mgrid[:40, :60]
    low, high = np.cos(2 * np.pi * 0.05 * x), np.cos(2 * np.pi * 0.2 * y)
    assert np.allclose(fft_filter(1.0 + low + high), 1.0 + low)
    with pytest.raises(CubefocusError, match=r"cutoff of the FFT filter is 0\.7"):
        fft_filter(low, 0.7)
