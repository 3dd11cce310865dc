"""One-to-one matching of predicted to true sources within a cube, by boxes, centres and line ranges."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from astropy.table import Table
from scipy.optimize import linear_sum_assignment

from cubefocus.errors import CubefocusError
from cubefocus.tables.boxes import iou_1d, iou_2d
from cubefocus.tables.columns import BOX, LINE_RANGE, centres, columns, cube_ids, has_columns


@dataclass(frozen=True)
class Matches:
    """Pairs of predicted and true sources, by their row numbers.

    Attributes
    ----------
    pred, true : ndarray of int, shape (n_pairs,)
        Row of each pair in the table of predictions and in that of true sources, in the order of `true`.
    iou : ndarray, shape (n_pairs,)
        2D IoU of the boxes; NaN if the predictions have no boxes.
    distance : ndarray, shape (n_pairs,)
        Distance of the centres in pixels.
    line_iou : ndarray, shape (n_pairs,)
        1D IoU of the line ranges; NaN where one of the two has none.
    pred_cubes, true_cubes : ndarray of int
        Cube id of every row of the two tables.
    """

    pred: np.ndarray
    true: np.ndarray
    iou: np.ndarray
    distance: np.ndarray
    line_iou: np.ndarray
    pred_cubes: np.ndarray
    true_cubes: np.ndarray

    @property
    def tp(self) -> int:
        """Number of true positives."""
        return len(self.pred)

    @property
    def fp(self) -> int:
        """Number of predictions without a partner."""
        return len(self.pred_cubes) - self.tp

    @property
    def fn(self) -> int:
        """Number of true sources without a partner."""
        return len(self.true_cubes) - self.tp

    @property
    def matched_pred(self) -> np.ndarray:
        """Whether each prediction has a partner, bool, shape (n_predictions,)."""
        return np.isin(np.arange(len(self.pred_cubes)), self.pred)

    @property
    def matched_true(self) -> np.ndarray:
        """Whether each true source has a partner, bool, shape (n_true,)."""
        return np.isin(np.arange(len(self.true_cubes)), self.true)

    def per_cube(self, cubes: Iterable[int]) -> np.ndarray:
        """Sums over each cube: TP, FP, FN and the sum of the IoU of the pairs.

        Parameters
        ----------
        cubes : iterable of int
            Ids of all cubes that were looked at, those without sources and detections included.

        Returns
        -------
        ndarray, shape (n_cubes, 4)

        Raises
        ------
        CubefocusError
            If a row of either table belongs to a cube that is not among `cubes`.
        """
        ids = np.unique(np.fromiter(cubes, dtype=np.int64))
        for rows in (self.pred_cubes, self.true_cubes):
            strangers = np.setdiff1d(rows, ids)
            if strangers.size:
                raise CubefocusError(
                    f"cube {strangers[0]} has sources or detections but is not among the {ids.size} cubes that are "
                    "evaluated; give the tables of one split only"
                )

        def sums(rows: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
            return np.bincount(np.searchsorted(ids, rows), weights, minlength=ids.size).astype(float)

        pairs = self.true_cubes[self.true]
        tp = sums(pairs)
        return np.column_stack([tp, sums(self.pred_cubes) - tp, sums(self.true_cubes) - tp, sums(pairs, self.iou)])


def match(
    pred: Table, true: Table, iou: float | None = 0.6, distance: float = 3.0, line_iou: float | None = None
) -> Matches:
    """Pair predictions with true sources one to one, cube by cube.

    Only admissible pairs count: 2D IoU at least `iou`, centres closer than `distance`, and, if asked for, 1D IoU of
    the line ranges at least `line_iou`. Among them the assignment with the largest total IoU is taken (without
    boxes: the one with the largest total closeness, 1 - distance / limit).

    Parameters
    ----------
    pred, true : astropy.table.Table
        With ``cube_id``, half-open boxes ``x0 y0 x1 y1`` (pixels) and, for `line_iou`, ranges ``z0 z1`` (channels).
        A table without rows needs no columns.
    iou : float or None
        None: by distance only; then predictions may have ``x y`` in place of boxes.
    distance : float
        Pixels.
    line_iou : float or None
        None: the lines are not looked at. A true source whose range is NaN has no line and is paired by its box.

    Returns
    -------
    Matches

    Raises
    ------
    CubefocusError
        If a column that the criterion needs is absent.
    """
    pred_cubes, true_cubes = cube_ids(pred), cube_ids(true)
    measures = _Measures(pred, true, iou, distance, line_iou)
    pairs = [measures.assign(p, t) for p, t in _by_cube(pred_cubes, true_cubes)]
    rows = np.concatenate([np.empty((0, 5)), *pairs])
    rows = rows[np.argsort(rows[:, 1])]
    overlap, apart, line_overlap = rows[:, 2:].T
    return Matches(rows[:, 0].astype(int), rows[:, 1].astype(int), overlap, apart, line_overlap, pred_cubes, true_cubes)


def _by_cube(pred_cubes: np.ndarray, true_cubes: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Row numbers of the predictions and of the true sources of each cube that has both."""
    for cube in np.intersect1d(pred_cubes, true_cubes):
        yield np.flatnonzero(pred_cubes == cube), np.flatnonzero(true_cubes == cube)


class _Measures:
    """Boxes, centres and line ranges of two tables, and the assignment between some of their rows."""

    def __init__(self, pred: Table, true: Table, iou: float | None, distance: float, line_iou: float | None) -> None:
        self.limits = iou, distance, line_iou
        self.centres = centres(pred), centres(true)
        self.boxes = self._both(pred, true, BOX, iou is not None)
        self.ranges = self._both(pred, true, LINE_RANGE, line_iou is not None)

    @staticmethod
    def _both(pred: Table, true: Table, names: tuple[str, ...], needed: bool) -> tuple[np.ndarray, np.ndarray] | None:
        if needed or all(len(table) == 0 or has_columns(table, names) for table in (pred, true)):
            return columns(pred, names), columns(true, names)
        return None

    def assign(self, p: np.ndarray, t: np.ndarray) -> np.ndarray:
        """Pairs of one cube, shape (n_pairs, 5): rows in both tables, IoU, distance, line IoU."""
        least_iou, limit, least_line = self.limits
        apart = np.hypot(*np.moveaxis(self.centres[0][p][:, None] - self.centres[1][t][None], -1, 0))
        boxes = _overlap(iou_2d, self.boxes, p, t)
        lines = _overlap(iou_1d, self.ranges, p, t)
        admissible = apart < limit
        if least_iou is not None:
            admissible &= boxes >= least_iou
        if least_line is not None and self.ranges is not None:
            no_line = np.isnan(self.ranges[1][t]).any(axis=1)
            admissible &= (lines >= least_line) | no_line[None]
        score = 1.0 - apart / limit if least_iou is None else boxes
        i, j = linear_sum_assignment(np.where(admissible, score, 0.0), maximize=True)
        i, j = i[admissible[i, j]], j[admissible[i, j]]
        return np.column_stack([p[i], t[j], boxes[i, j], apart[i, j], lines[i, j]])


def _overlap(
    measure: Callable[[np.ndarray, np.ndarray], np.ndarray],
    both: tuple[np.ndarray, np.ndarray] | None,
    p: np.ndarray,
    t: np.ndarray,
) -> np.ndarray:
    """IoU matrix of some rows, NaN where there is nothing to measure."""
    result = np.full((p.size, t.size), np.nan)
    if both is None:
        return result
    a, b = both[0][p], both[1][t]
    known_a, known_b = np.isfinite(a).all(axis=1), np.isfinite(b).all(axis=1)
    result[np.ix_(known_a, known_b)] = measure(a[known_a], b[known_b])
    return result
