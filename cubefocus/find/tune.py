"""One procedure that chooses the parameters of every method: a grid search on the validation split."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.table import Table

from cubefocus.errors import CubefocusError
from cubefocus.evaluate.columns import cube_ids
from cubefocus.evaluate.detection import ratios
from cubefocus.evaluate.matching import match
from cubefocus.evaluate.settings import Criterion, EvaluationSettings
from cubefocus.find.interface import Finder, find_all

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Tuned:
    """The chosen parameters, their F1, and the score of every point of the grid (one row a point)."""

    parameters: dict[str, Any]
    f1: float
    scores: Table


def grid_points(grid: Mapping[str, Sequence[Any]]) -> Iterator[dict[str, Any]]:
    """All combinations of the values of a grid, the last name running fastest."""
    for values in itertools.product(*grid.values()):
        yield dict(zip(grid, values, strict=True))


def tune(
    finder: Finder,
    images: Mapping[int, np.ndarray],
    true: Table,
    grid: Mapping[str, Sequence[Any]],
    settings: EvaluationSettings,
    with_line: bool = False,
    with_box: bool = True,
) -> Tuned:
    """Choose the parameters of a finder by the F1 score on the validation split.

    Parameters
    ----------
    finder : Finder
    images : mapping from cube id to ndarray
        Images (or cubes) of the validation split.
    true : astropy.table.Table
        True sources of these cubes. Cubes without sources count with their false detections.
    grid : mapping from name to values
    settings : EvaluationSettings
    with_line, with_box : bool
        What the criterion looks at, as for `cubefocus.evaluate.detection.Method`.

    Returns
    -------
    Tuned
        Of points with the same score the first in the order of the grid.

    Raises
    ------
    CubefocusError
        If the grid is empty, `true` holds sources of the test split or of cubes without an image, or it has none.
    """
    _check(images, true, grid)

    def predict(parameters: dict[str, Any]) -> Table:
        return find_all(finder, images.items(), parameters)

    return search(predict, true, grid, settings.criterion(with_line, with_box))


def search(
    predict: Callable[[dict[str, Any]], Table],
    true: Table,
    grid: Mapping[str, Sequence[Any]],
    criterion: Criterion,
) -> Tuned:
    """Grid search over anything that turns parameters into a table of predictions for the cubes of `true`."""
    rows = []
    for point in grid_points(grid):
        matches = match(predict(point), true, **criterion)
        counts = np.array([[matches.tp, matches.fp, matches.fn, np.nansum(matches.iou)]], dtype=float)
        precision, recall, f1, _ = ratios(counts)[0]
        rows.append(point | {"tp": matches.tp, "fp": matches.fp, "fn": matches.fn})
        rows[-1] |= {"precision": precision, "recall": recall, "f1": f1}
    scores = Table({name: [row[name] for row in rows] for name in rows[0]})
    best = int(np.argmax(scores["f1"]))
    logger.info("best of %d points: %s, F1 %.3f", len(rows), rows[best], scores["f1"][best])
    return Tuned({name: rows[best][name] for name in grid}, float(scores["f1"][best]), scores)


def _check(images: Mapping[int, np.ndarray], true: Table, grid: Mapping[str, Sequence[Any]]) -> None:
    if not grid or not all(len(values) for values in grid.values()):
        raise CubefocusError("the grid of parameters has no points; give each parameter at least one value")
    if len(true) == 0:
        raise CubefocusError("the validation split has no sources, so that F1 says nothing; simulate some")
    if "split" in true.colnames and "test" in set(true["split"]):
        raise CubefocusError("parameters are chosen on the validation split; the table given holds test sources")
    strangers = np.setdiff1d(cube_ids(true), np.fromiter(images, dtype=np.int64))
    if strangers.size:
        raise CubefocusError(f"cube {strangers[0]} has true sources but no image; give the whole validation split")
