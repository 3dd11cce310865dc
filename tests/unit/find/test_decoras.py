"""Blobs in a network's map, and the boxes that MNRAS Eq. 21 makes of them."""

import numpy as np
import pytest

from cubefocus.errors import CubefocusError
from cubefocus.find.decoras import BlobFinder
from cubefocus.find.interface import COLUMNS


def map_with(sources, size=96):
    """Round Gaussians (x, y, sigma, peak), not divided by their maximum."""
    y, x = np.indices((size, size))
    return sum(peak * np.exp(-((x - x0) ** 2 + (y - y0) ** 2) / (2 * s**2)) for x0, y0, s, peak in sources)


def test_blobs_are_where_the_sources_are_and_as_large():
    found = BlobFinder()(map_with([(30, 40, 3.0, 1.0), (70, 60, 6.0, 0.8)]), {"threshold": 0.05})
    found.sort("x")
    assert found.colnames == list(COLUMNS)
    assert found["x"] == pytest.approx([30, 70], abs=1)
    assert found["y"] == pytest.approx([40, 60], abs=1)
    sides = np.asarray(found["x1"] - found["x0"] - 1, dtype=float)
    assert sides[0] / 6 == pytest.approx(3.0, rel=0.35)  # 2 r = 6 sigma
    assert sides[1] / sides[0] == pytest.approx(2.0, rel=0.35)
    assert found["peak"] == pytest.approx([1.0, 0.8], rel=0.02)
    assert np.isnan(found["snr"]).all()


def test_boxes_grow_with_the_radius_about_the_same_blobs_and_stay_in_the_image():
    image, finder = map_with([(8, 48, 4.0, 1.0), (60, 20, 4.0, 1.0)]), BlobFinder()
    small, large = (finder(image, {"threshold": 0.05, "radius": radius}) for radius in (1.0, 3.0))
    assert small["x"].tolist() == large["x"].tolist()
    assert np.all(large["x1"] - large["x0"] > small["x1"] - small["x0"])
    assert large["x0"].min() == 0
    assert max(large["x1"].max(), large["y1"].max()) <= 96


def test_another_map_is_searched_anew():
    finder, empty = BlobFinder(), np.zeros((96, 96))
    image = map_with([(30, 40, 4.0, 1.0)])
    assert [len(finder(each)) for each in (image, empty, image)] == [1, 0, 1]
    assert len(finder(0.5 * image, {"threshold": 0.3})) == 0  # a blob of half the height is below it


@pytest.mark.parametrize(
    ("parameters", "message"),
    [({"sigma": 2}, "decoras has no parameter 'sigma'"), ({"min_sigma": 0}, "'min_sigma' of the finder is 0")],
)
def test_wrong_parameters_are_told(parameters, message):
    with pytest.raises(CubefocusError, match=message):
        BlobFinder()(np.zeros((8, 8)), parameters)
