"""Boxes and overlaps on cases worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from cubefocus.errors import CubefocusError
from cubefocus.sky.boxes import bounding_box, true_boxes
from cubefocus.tables.boxes import blendness, iou_1d, iou_2d

BOXES = np.array([[0, 0, 4, 4], [2, 2, 6, 6], [0, 0, 4, 2], [10, 10, 12, 13]])


def test_iou_of_boxes_by_hand():
    # 4 x 4 boxes sharing 2 x 2: 4 / 28; a half of a box: 8 / 16; the shifted one and the half touch at an edge only.
    expected = [[1, 4 / 28, 0.5, 0], [4 / 28, 1, 0, 0], [0.5, 0, 1, 0], [0, 0, 0, 1]]
    assert iou_2d(BOXES, BOXES) == pytest.approx(np.array(expected))


def test_iou_of_line_ranges_by_hand():
    a, b = np.array([[10.0, 20.0], [0.0, 1.0]]), np.array([[15.0, 25.0], [12.0, 14.0], [20.0, 30.0]])
    assert iou_1d(a, b) == pytest.approx(np.array([[5 / 15, 0.2, 0.0], [0.0, 0.0, 0.0]]))
    assert iou_1d(a, a) == pytest.approx(np.eye(2))


def test_iou_of_nothing_has_the_right_shape_and_empty_boxes_overlap_nothing():
    assert iou_2d(np.zeros((0, 4)), BOXES).shape == (0, 4)
    assert iou_1d(np.zeros((3, 2)), np.zeros((0, 2))).shape == (3, 0)
    assert iou_2d(np.array([[2, 2, 2, 2]]), np.array([[2, 2, 2, 2], [0, 0, 4, 4]])).tolist() == [[0, 0]]


def test_blendness_is_the_largest_overlap_with_another_source():
    assert blendness(BOXES) == pytest.approx([0.5, 4 / 28, 0.5, 0.0])
    assert blendness(BOXES[:1]) == pytest.approx([0.0])
    assert blendness(BOXES[:0]).shape == (0,)


def test_identical_boxes_are_fully_blended():
    assert blendness(np.array([[1, 1, 3, 3], [1, 1, 3, 3]])) == pytest.approx([1, 1])


def test_bounding_box_is_half_open_with_x_first():
    mask = np.zeros((8, 10), dtype=bool)
    mask[2, 3] = mask[5, 7] = True
    assert bounding_box(mask).tolist() == [3, 2, 8, 6]


def two_sources():
    """A row of 1 2 4 2 1 at rows 3, columns 2 to 6, and a row of 10 20 10 at row 8, columns 7 to 9."""
    images = [np.array([[1.0, 2.0, 4.0, 2.0, 1.0]]), np.array([[10.0, 20.0, 10.0]])]
    windows = [(slice(3, 4), slice(2, 7)), (slice(8, 9), slice(7, 10))]
    whole = np.zeros((12, 12))
    for window, image in zip(windows, images, strict=True):
        whole[window] += image
    return windows, images, whole


@pytest.mark.parametrize(
    ("level", "reference", "first", "second"),
    [
        (0.10, "image", [3, 3, 6, 4], [7, 8, 10, 9]),  # threshold 2 for both
        (0.15, "image", [4, 3, 5, 4], [7, 8, 10, 9]),  # threshold 3
        (0.15, "source", [2, 3, 7, 4], [7, 8, 10, 9]),  # thresholds 0.6 and 3
        (0.60, "source", [4, 3, 5, 4], [8, 8, 9, 9]),  # thresholds 2.4 and 12
    ],
)
def test_true_boxes_by_hand(level, reference, first, second):
    assert true_boxes(*two_sources(), level, reference).tolist() == [first, second]


def test_source_below_the_level_keeps_its_brightest_pixel():
    assert true_boxes(*two_sources(), 0.5, "image")[0].tolist() == [4, 3, 5, 4]


def test_unknown_reference_is_refused():
    with pytest.raises(CubefocusError, match="cube"):
        true_boxes(*two_sources(), 0.5, "cube")
