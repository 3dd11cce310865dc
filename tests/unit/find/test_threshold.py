"""The threshold baseline."""

import numpy as np
import pytest

from cubefocus.errors import CubefocusError
from cubefocus.find.interface import COLUMNS, find_all
from cubefocus.find.threshold import find
from cubefocus.stats.noise import background


def image_with(sources, sigma=1.0, size=80, seed=1):
    image = np.random.default_rng(seed).normal(0.0, sigma, (size, size))
    y, x = np.mgrid[:size, :size]
    for x0, y0, peak in sources:
        image += peak * np.exp(-((x - x0) ** 2 + (y - y0) ** 2) / 18.0)
    return image


def test_finds_bright_sources_where_they_are():
    found = find(image_with([(20, 30, 50.0), (60.4, 55, 40.0)]), {"threshold": 6.0})
    assert len(found) == 2
    assert found["x"] == pytest.approx([20, 60.4], abs=0.3)
    assert found["y"] == pytest.approx([30, 55], abs=0.3)
    assert found["snr"] == pytest.approx([50, 40], rel=0.15)
    for row in found:
        assert row["x0"] < row["x"] < row["x1"] - 1
        assert row["y0"] < row["y"] < row["y1"] - 1


def test_the_box_is_half_open_and_flux_and_peak_are_those_of_its_pixels():
    image = image_with([])
    image[10:13, 40:45] = 1000.0
    row = find(image, {"threshold": 20.0})[0]
    assert [row[name] for name in ("x0", "y0", "x1", "y1")] == [40, 10, 45, 13]
    assert row["flux"] == pytest.approx(15 * 1000, rel=1e-3)
    assert (row["x"], row["y"]) == pytest.approx((42.0, 11.0))


def test_pixels_that_touch_at_a_corner_are_one_source():
    image = image_with([])
    image[10, 10] = image[11, 11] = 100.0
    assert len(find(image, {"threshold": 20.0})) == 1
    assert len(find(image, {"threshold": 20.0, "min_pixels": 3})) == 0


def test_the_threshold_does_not_depend_on_the_unit_or_the_zero_level():
    image = image_with([(20, 30, 12.0)])
    a, b = find(image, {"threshold": 5.0}), find(1e-3 * image + 7.0, {"threshold": 5.0})
    assert a["x0"].tolist() == b["x0"].tolist()
    assert a["snr"] == pytest.approx(b["snr"])


def test_false_detections_of_pure_noise_follow_the_normal_distribution():
    noise = np.random.default_rng(4).normal(size=(1000, 1000))
    assert len(find(noise, {"threshold": 4.0})) == pytest.approx(1e6 * 3.167e-5, abs=4 * np.sqrt(31.7))


def test_blanked_pixels_are_no_data():
    image = image_with([(20, 30, 50.0)])
    image[:, 40:] = 0.0
    blank = image.copy()
    blank[:, 40:] = np.nan
    expected = background(image[:, :40])[1]
    for field in (image, blank):
        found = find(field, {"threshold": 6.0})
        assert len(found) == 1
        assert found["peak"][0] / found["snr"][0] == pytest.approx(expected)


def test_an_empty_image_has_no_sources_but_all_columns():
    found = find(np.zeros((10, 10)), {"threshold": 3.0})
    assert len(found) == 0
    assert found.colnames == list(COLUMNS)


def test_the_noise_ignores_sources():
    assert background(image_with([(20, 30, 500.0)], size=200).ravel())[1] == pytest.approx(1.0, rel=0.06)


def test_images_of_many_cubes_become_one_table():
    images = {4: image_with([(20, 30, 50.0)]), 5: np.zeros((10, 10)), 6: image_with([(50, 50, 50.0)], seed=2)}
    assert find_all(find, images.items(), {"threshold": 8.0})["cube_id"].tolist() == [4, 6]
    assert find_all(find, [], {"threshold": 8.0}).colnames == ["cube_id", *COLUMNS]


@pytest.mark.parametrize("bad", [{"threshold": -1.0}, {"threshold": "5"}, {"min_pixels": 0}, {"tresh": 5.0}])
def test_bad_parameters_are_named(bad):
    with pytest.raises(CubefocusError, match=next(iter(bad))):
        find(image_with([]), bad)


def test_an_image_without_noise_is_refused():
    with pytest.raises(CubefocusError, match="no noise"):
        find(np.ones((10, 10)), {"threshold": 3.0})
