"""Matching, worked out by hand."""

import numpy as np
import pytest
from astropy.table import Table
from evaluate_catalogues import catalogue, square

from cubefocus.errors import CubefocusError
from cubefocus.tables.matching import match


def pairs(matches):
    return sorted(zip(matches.pred.tolist(), matches.true.tolist(), strict=True))


def test_counts_and_measures_of_a_plain_case():
    true = catalogue([square(0, 0, 0), square(0, 40, 40), square(1, 0, 0)])
    pred = catalogue([square(0, 1, 0), square(0, 70, 70)])
    matches = match(pred, true, iou=0.6, distance=3.0)
    assert pairs(matches) == [(0, 0)]
    assert (matches.tp, matches.fp, matches.fn) == (1, 1, 2)
    assert matches.iou == pytest.approx([90 / 110])  # 9 x 10 pixels shared of 110
    assert matches.distance == pytest.approx([1.0])
    assert matches.matched_true.tolist() == [True, False, False]
    assert matches.matched_pred.tolist() == [True, False]


def test_the_best_total_beats_taking_the_best_pair_first():
    # 20 x 1 pixels. Prediction 0 overlaps both true sources; its best partner is true 0 (IoU 19/21). Taken first, that
    # leaves prediction 1 with true 1 (IoU 11/29) alone. The best total pairs 0 with 1 (16/24) and 1 with 0 (17/23).
    true = catalogue([(0, 10, 0, 30, 1, 0, 1), (0, 13, 0, 33, 1, 0, 1)])
    pred = catalogue([(0, 9, 0, 29, 1, 0, 1), (0, 7, 0, 27, 1, 0, 1)])
    matches = match(pred, true, iou=0.6, distance=5.0)
    assert pairs(matches) == [(0, 1), (1, 0)]
    assert matches.iou == pytest.approx([17 / 23, 16 / 24])


def test_one_prediction_near_two_true_sources_counts_once():
    true = catalogue([square(0, 0, 0), square(0, 1, 1)])
    matches = match(catalogue([square(0, 0, 1)]), true, iou=0.6, distance=3.0)
    assert (matches.tp, matches.fp, matches.fn) == (1, 0, 1)


def test_two_predictions_of_one_source_leave_one_false():
    pred = catalogue([square(0, 1, 0), square(0, 0, 0)])
    matches = match(pred, catalogue([square(0, 0, 0)]), iou=0.6, distance=3.0)
    assert (matches.tp, matches.fp, matches.fn) == (1, 1, 0)
    assert matches.pred.tolist() == [1]


def test_sources_of_different_cubes_never_meet():
    matches = match(catalogue([square(1, 0, 0)]), catalogue([square(2, 0, 0)]))
    assert (matches.tp, matches.fp, matches.fn) == (0, 1, 1)


def test_the_least_iou_itself_is_enough():
    true, pred = catalogue([(0, 0, 0, 10, 1, 0, 1)]), catalogue([(0, 0, 0, 6, 1, 0, 1)])  # IoU 0.6, centres 2 px apart
    assert match(pred, true, iou=0.6, distance=3.0).tp == 1
    assert match(pred, true, iou=0.61, distance=3.0).tp == 0


def test_centres_must_be_closer_than_the_distance():
    true, pred = catalogue([square(0, 0, 0, side=60)]), catalogue([square(0, 3, 0, side=60)])  # IoU 0.905
    assert match(pred, true, distance=3.0).tp == 0
    assert match(pred, true, distance=3.01).tp == 1


def test_a_line_that_does_not_overlap_enough_is_no_match():
    true = catalogue([square(0, 0, 0, z=10)])
    pred = catalogue([square(0, 0, 0, z=14)])  # ranges [6, 14] and [10, 18]: 4 of 12
    assert match(pred, true).tp == 1
    assert match(pred, true, line_iou=0.6).tp == 0
    assert match(pred, true, line_iou=1 / 3).line_iou == pytest.approx([1 / 3])


def test_lines_tell_blended_sources_apart():
    true = catalogue([square(0, 0, 0, z=10), square(0, 0, 0, z=30)])
    pred = catalogue([square(0, 0, 0, z=30), square(0, 0, 0, z=10)])
    assert pairs(match(pred, true, line_iou=0.6)) == [(0, 1), (1, 0)]


def test_a_true_source_without_a_line_is_matched_by_its_box_and_a_prediction_without_one_is_not():
    nan = np.nan
    without, with_line = catalogue([(0, 0, 0, 10, 10, nan, nan)]), catalogue([square(0, 0, 0)])
    assert match(with_line, without, line_iou=0.6).tp == 1
    assert match(without, with_line, line_iou=0.6).tp == 0


def test_distance_only_takes_positions_and_prefers_the_closest():
    true = catalogue([square(0, 0, 0, side=11)])  # centre (5, 5)
    pred = Table({"cube_id": [0, 0], "x": [6.5, 5.5], "y": [5.0, 5.0]})
    matches = match(pred, true, iou=None, distance=3.0)
    assert pairs(matches) == [(1, 0)]
    assert matches.distance == pytest.approx([0.5])
    assert np.isnan(matches.iou).all()


@pytest.mark.parametrize("empty", [Table(), catalogue([])])
def test_no_predictions_or_no_sources(empty):
    full = catalogue([square(0, 0, 0)])
    for line_iou in (None, 0.6):
        assert (match(empty, full, line_iou=line_iou).tp, match(empty, full, line_iou=line_iou).fn) == (0, 1)
        assert (match(full, empty, line_iou=line_iou).fp, match(full, empty, line_iou=line_iou).fn) == (1, 0)
    assert match(empty, empty).tp == 0


def test_order_of_the_rows_does_not_matter():
    rng = np.random.default_rng(3)
    true = catalogue([square(cube, *rng.integers(0, 50, 2)) for cube in range(4) for _ in range(6)])
    shifts = rng.integers(-2, 3, (24, 2))
    pred = catalogue(
        [square(t["cube_id"], t["x0"] + dx, t["y0"] + dy) for t, (dx, dy) in zip(true, shifts, strict=True)]
    )
    order = rng.permutation(len(pred))
    straight, shuffled = match(pred, true), match(pred[order], true)
    assert straight.tp == shuffled.tp > 10
    assert straight.iou.sum() == pytest.approx(shuffled.iou.sum())


def test_absent_columns_are_named():
    with pytest.raises(CubefocusError, match="'x0'"):
        match(Table({"cube_id": [0], "x": [1.0], "y": [1.0]}), catalogue([square(0, 0, 0)]))


def test_sums_per_cube_include_empty_cubes_and_refuse_strange_ones():
    true = catalogue([square(3, 0, 0), square(3, 40, 40), square(5, 0, 0)])
    pred = catalogue([square(3, 0, 0), square(4, 0, 0)])
    sums = match(pred, true).per_cube([3, 4, 5, 6])
    assert sums.tolist() == [[1, 0, 1, 1], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]
    with pytest.raises(CubefocusError, match="cube 5"):
        match(pred, true).per_cube([3, 4])
