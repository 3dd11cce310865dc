"""Blobs in a network's map as the chain finds them, for the variants that are not the chain's."""

import numpy as np
import pytest

from cubefocus.alma.blobs import find_blobs
from cubefocus.errors import CubefocusError
from cubefocus.find.blobs_finder import NO_SPLIT, PARAMETERS, find
from cubefocus.find.interface import COLUMNS
from cubefocus.settings import BlobSettings


def two_that_touch(depth):
    """Two maxima of height about 1 whose valley is at about 1 - depth; (y, x)."""
    y, x = np.indices((64, 64))
    distance = 4.0 * np.sqrt(-2 * np.log((1 - depth) / 2))
    return sum(
        (1 - 0.05 * side) * np.exp(-((x - 32 - side * distance) ** 2 + (y - 30) ** 2) / (2 * 16.0)) for side in (-1, 1)
    )


def test_the_defaults_are_those_of_the_chain():
    image = two_that_touch(0.4)
    found, blobs = find(image), find_blobs(image, BlobSettings())
    assert found.colnames == list(COLUMNS)
    assert len(found) == len(blobs) == 2
    for row, blob in zip(found, blobs, strict=True):
        assert tuple(row["x0", "y0", "x1", "y1"]) == blob.box
        assert (row["x"], row["y"]) == pytest.approx(blob.centre)
    assert np.isnan(found["snr"]).all()


@pytest.mark.parametrize(("prominence", "n_sources"), [(0.1, 2), (0.9, 1), (NO_SPLIT, 1)])
def test_a_valley_tells_two_apart_where_it_is_deep_enough(prominence, n_sources):
    assert len(find(two_that_touch(0.2), {"prominence": prominence})) == n_sources


def test_a_higher_threshold_makes_boxes_smaller_and_an_empty_map_has_nothing():
    image = two_that_touch(0.4)
    low, high = (find(image, {"threshold": level}) for level in (0.1, 0.4))
    assert np.all(high["x1"] - high["x0"] < low["x1"] - low["x0"])
    assert len(find(0.9 * PARAMETERS["threshold"] * image / image.max())) == 0


def test_an_unknown_parameter_is_told():
    with pytest.raises(CubefocusError, match="blobs_finder has no parameter 'split'"):
        find(np.zeros((8, 8)), {"split": 1})
