"""Signal-to-noise ratios against values worked out by hand."""

import numpy as np
import pytest

from cubefocus.alma.snr import global_snr, pixel_snr
from cubefocus.stats.noise import median, noise_of


def ring_image() -> np.ndarray:
    """Value 10 in the circle inscribed in the box (8, 8, 13, 13), and +2 and -2 alternating outside."""
    y, x = np.mgrid[:21, :21]
    checker = np.where((x + y) % 2 == 0, 2.0, -2.0)
    return np.where((x - 10) ** 2 + (y - 10) ** 2 <= 6.25, 10.0, checker)


def test_global_snr_is_median_over_the_ring_s_deviation():
    # A 5 x 5 box: r = 2.5, the ring from r^2 = 6.25 to 12.5.
    image = ring_image()
    y, x = np.mgrid[:21, :21] - 10
    ring = image[((x**2 + y**2) > 6.25) & ((x**2 + y**2) <= 12.5)]
    plus, minus = (ring > 0).sum(), (ring < 0).sum()
    mean = 2.0 * (plus - minus) / (plus + minus)
    deviation = np.sqrt(4.0 - mean**2)
    assert global_snr(image, (8, 8, 13, 13)) == pytest.approx(10.0 / deviation)
    assert global_snr(image, (8, 8, 13, 13), "var") == pytest.approx(10.0 / deviation**2)


@pytest.mark.parametrize(("box", "reach"), [((90, 90, 111, 111), 10.5), ((85, 90, 116, 111), 10.5)])
def test_ring_ends_where_it_has_the_area_of_the_circle(box, reach):
    rng = np.random.default_rng(0)
    image = rng.normal(size=(201, 201))
    y, x = np.mgrid[:201, :201] - 100
    base = global_snr(image, box)
    far, near = image.copy(), image.copy()
    far[x**2 + y**2 > 2 * reach**2] = 100.0
    near[(x**2 + y**2 > 2 * reach**2 - 20) & (x**2 + y**2 <= 2 * reach**2)] = 100.0
    assert global_snr(far, box) == base
    assert abs(global_snr(near, box)) < abs(base) / 5


def test_global_snr_with_deviation_does_not_depend_on_the_unit():
    image = ring_image() + np.random.default_rng(0).normal(size=(21, 21))
    box = (8, 8, 13, 13)
    assert global_snr(1000 * image, box) == pytest.approx(global_snr(image, box))
    assert global_snr(1000 * image, box, "var") == pytest.approx(global_snr(image, box, "var") / 1000)


def test_nan_pixels_are_left_out():
    image = ring_image()
    blanked = image.copy()
    blanked[:, :7] = np.nan  # reaches into the ring only
    assert np.isfinite(global_snr(blanked, (8, 8, 13, 13)))
    blanked[7:14, 7:14] = np.nan
    assert np.isnan(global_snr(blanked, (9, 9, 12, 12)))


def test_box_as_large_as_the_image_uses_what_is_left():
    image = np.random.default_rng(2).normal(5.0, 1.0, (12, 12))
    y, x = np.mgrid[:12, :12] - 5.5
    image[(x**2 + y**2 > 36)] = np.nan
    inside = image[np.isfinite(image)]
    assert global_snr(image, (0, 0, 12, 12)) == pytest.approx(np.median(inside) / inside.std())


def test_snr_without_noise_is_infinite():
    image = np.zeros((30, 30))
    image[14:17, 14:17] = 1.0
    assert global_snr(image, (14, 14, 17, 17)) == np.inf


def test_pixel_snr():
    image = np.array([[3.0, -1.0], [1.0, np.nan]])
    noise = np.std([3.0, -1.0, 1.0])
    np.testing.assert_allclose(pixel_snr(image), image / noise)


def test_mad_is_the_deviation_of_normal_noise_and_ignores_a_source():
    values = np.random.default_rng(3).normal(0.0, 2.0, 100_000)
    values[:500] = 1000.0
    assert noise_of(values, "mad") == pytest.approx(2.0, rel=0.03)
    assert noise_of(values, "std") > 20


@pytest.mark.parametrize("size", [1, 2, 7, 1000, 1001])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_median_is_that_of_numpy(size, kind):
    values = np.random.default_rng(size).normal(size=size).astype(kind)
    before = values.copy()
    assert median(values) == np.median(values)
    np.testing.assert_array_equal(values, before)
