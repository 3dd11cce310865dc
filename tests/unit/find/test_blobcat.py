"""Blobcat, against numbers worked out by hand and against Aegean's islands."""

import numpy as np
import pytest
from AegeanTools.source_finder import find_islands

from cubefocus.errors import CubefocusError
from cubefocus.find import blobcat
from cubefocus.find.blobcat import find, flux_fraction, noise_maps, parabola_peak
from cubefocus.find.interface import COLUMNS, grid_points
from cubefocus.find.registry import get_entry
from cubefocus.stats.noise import MAD_TO_SIGMA


def stripes(size=80):
    """Noise of which all is known: 6, 7 and 8 in turn, so median 7 and median absolute deviation 1."""
    y, x = np.indices((size, size))
    return 7.0 + (x + y) % 3 - 1.0


def gaussian(size, x, y, peak, sigma_x, sigma_y):
    rows, columns = np.indices((size, size))
    return peak * np.exp(-0.5 * (((columns - x) / sigma_x) ** 2 + ((rows - y) / sigma_y) ** 2))


def test_a_blob_worked_out_by_hand():
    # The noise of the stripes is MAD_TO_SIGMA x 1 = s, around 7. Above it stand, at rows 40-42 and columns 20-22,
    # in units of s,
    #      6 10  6
    #     10 14 10     =  14 - 4 x^2 - 4 y^2 : a paraboloid, whose peak the parabola gives exactly: 14 s.
    #      6 10  6
    # and, at column 23 of row 41, one more pixel of 5 s. Its mirror image, column 19, is noise.
    # Flooded to 4 s: these ten pixels. Box x 20 ... 23, y 40 ... 42, half-open (20, 40, 24, 43).
    # Sum: 4 x 6 + 4 x 10 + 14 + 5 = 83 s. Of a Gaussian of peak 14, 1 - 4 / 14 = 10 / 14 lies above the flood, so that
    # the flux is 83 x 14 / 10 = 116.2 s.
    # Weighted centre: y by symmetry 41; x: columns 20, 21, 22, 23 hold 22, 34, 22 and 5:
    # 21 + (-22 + 0 + 22 + 2 x 5) / 83 = 21 + 10 / 83.
    image, s = stripes(), MAD_TO_SIGMA
    y, x = np.mgrid[-1:2, -1:2]
    image[40:43, 20:23] = 7.0 + s * (14.0 - 4.0 * x**2 - 4.0 * y**2)
    image[41, 23] = 7.0 + 5.0 * s
    (row,) = find(image, {"detection": 8.0, "flooding": 4.0, "mesh": 80})
    assert [row[name] for name in ("x0", "y0", "x1", "y1")] == [20, 40, 24, 43]
    assert row["snr"] == pytest.approx(14.0)
    assert row["peak"] == pytest.approx(14.0 * s)
    assert row["flux"] == pytest.approx(116.2 * s)
    assert (row["x"], row["y"]) == pytest.approx((21.0 + 10.0 / 83.0, 41.0))


def test_parabola_finds_the_peak_between_pixels():
    # 20 - (x - 0.3)^2 - 2 (y + 0.2)^2 has its peak, 20, at (0.3, -0.2), and 19.83 in its brightest pixel, (0, 0).
    y, x = np.mgrid[-2:3, -2:3]
    image = 20.0 - (x - 0.3) ** 2 - 2.0 * (y + 0.2) ** 2
    assert image[2, 2] == pytest.approx(19.83)
    assert parabola_peak(image, 2, 2) == pytest.approx(20.0)


def test_parabola_is_left_out_where_it_has_no_peak():
    image = np.zeros((5, 5))
    image[0, 2] = 9.0
    assert parabola_peak(image, 0, 2) == 9.0  # at the border
    image[2, 2], image[2, 3] = 9.0, -np.inf
    assert parabola_peak(image, 2, 2) == 9.0  # beside a blanked pixel
    ridge = np.tile([0.0, 1.0, 2.0, 1.0, 0.0], (5, 1))
    assert parabola_peak(ridge, 2, 2) == 2.0  # along a ridge nothing falls off


@pytest.mark.parametrize("flooding", [2.0, 5.0, 10.0])
def test_flux_of_a_gaussian_does_not_depend_on_the_flood(flooding):
    image = stripes(120) + gaussian(120, 60.3, 55.8, 50.0, 6.0, 4.0)
    (row,) = find(image, {"detection": 12.0, "flooding": flooding, "mesh": 120})
    assert row["flux"] == pytest.approx(2.0 * np.pi * 6.0 * 4.0 * 50.0, rel=0.02)
    assert row["peak"] == pytest.approx(50.0, rel=0.03)
    assert (row["x"], row["y"]) == pytest.approx((60.3, 55.8), abs=0.1)


def test_share_above_the_flood_is_that_of_a_finely_sampled_gaussian():
    fine = gaussian(801, 400.0, 400.0, 10.0, 60.0, 90.0)
    assert fine[fine > 4.0].sum() / fine.sum() == pytest.approx(flux_fraction(4.0, 10.0), rel=1e-3)


def test_islands_that_touch_are_one_blob_and_faint_ones_none():
    image = stripes(100) + gaussian(100, 40, 50, 40.0, 3.0, 3.0) + gaussian(100, 51, 50, 40.0, 3.0, 3.0)
    image += gaussian(100, 80, 20, 9.0, 3.0, 3.0)
    high, low = (find(image, {"detection": 15.0, "flooding": t, "mesh": 100}) for t in (12.0, 4.0))
    assert (len(high), len(low)) == (2, 1)
    assert len(find(image, {"detection": 5.0, "flooding": 4.0, "mesh": 100})) == 2


def test_thresholds_follow_the_noise_over_the_image():
    rng = np.random.default_rng(3)
    rms = np.linspace(1.0, 5.0, 240) * np.ones((240, 1))
    image = 20.0 + rms * rng.normal(size=(240, 240))
    level, noise = noise_maps(image, 60)
    inside = (slice(30, -30), slice(30, -30))
    assert level == pytest.approx(20.0, abs=0.6)
    assert noise[inside] / rms[inside] == pytest.approx(1.0, abs=0.12)
    faint, bright = gaussian(240, 50, 120, 16.0, 3.0, 3.0), gaussian(240, 190, 120, 16.0, 3.0, 3.0)
    (row,) = find(image + faint + bright, {"detection": 6.5, "flooding": 4.0, "mesh": 60})
    assert abs(row["x"] - 50) < 2


def test_false_detections_of_pure_noise_follow_the_normal_distribution():
    noise = np.random.default_rng(4).normal(size=(1000, 1000))
    found = find(noise, {"detection": 4.0, "flooding": 4.0, "mesh": 200})
    assert len(found) == pytest.approx(1e6 * 3.167e-5, abs=4 * np.sqrt(31.7))


@pytest.mark.parametrize(("detection", "flooding"), [(4.0, 2.5), (6.0, 4.0), (10.0, 3.0)])
def test_islands_are_those_of_aegean(detection, flooding):
    rng = np.random.default_rng(8)
    image = rng.normal(size=(200, 200))
    for _ in range(12):
        image += gaussian(200, *rng.uniform(20, 180, 2), rng.uniform(5, 40), *rng.uniform(2, 6, 2))
    level, noise = noise_maps(image, 100)
    theirs = find_islands(np.maximum(image, level), level, noise, seed_clip=detection, flood_clip=flooding)
    found = find(image, {"detection": detection, "flooding": flooding, "mesh": 100})
    ours = {(row["y0"], row["y1"], row["x0"], row["x1"]) for row in found}
    assert len(ours) >= 5
    assert {tuple(np.ravel(island.bounding_box).tolist()) for island in theirs} == ours


def test_blanked_pixels_are_no_data():
    image = np.random.default_rng(5).normal(size=(80, 80)) + gaussian(80, 20, 30, 50.0, 3.0, 3.0)
    for blank in (0.0, np.nan):
        image[:, 40:] = blank
        (row,) = find(image, {"detection": 8.0, "flooding": 4.0, "mesh": 20})
        assert (row["x"], row["y"]) == pytest.approx((20, 30), abs=0.3)
    empty = find(np.full((10, 10), np.nan))
    assert (len(empty), empty.colnames) == (0, list(COLUMNS))


def test_the_grid_leaves_out_floods_above_the_detection_threshold():
    points = get_entry("blobcat").points
    assert len(points) < len(grid_points(blobcat.GRID))
    assert all(2 <= point["detection"] <= 15 and 1 <= point["flooding"] <= point["detection"] for point in points)
    assert {"detection": 8.0, "flooding": 4.0} in points


@pytest.mark.parametrize(
    ("bad", "word"),
    [({"detection": 3.0, "flooding": 4.0}, "floods"), ({"mesh": 2}, "mesh"), ({"td": 8.0}, "td")],
)
def test_bad_parameters_are_named(bad, word):
    with pytest.raises(CubefocusError, match=word):
        find(stripes(), bad)


def test_an_image_without_noise_is_refused():
    with pytest.raises(CubefocusError, match="no noise"):
        find(np.ones((90, 90)))
