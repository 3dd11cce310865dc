"""One procedure that chooses the parameters of every method: a grid search on the validation split."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.table import Table, vstack

from cubefocus.errors import CubefocusError
from cubefocus.find.interface import Finder, find_all
from cubefocus.settings import Criterion, EvaluationSettings
from cubefocus.stats.ratios import ratios
from cubefocus.tables.columns import cube_ids
from cubefocus.tables.matching import match

logger = logging.getLogger(__name__)
Points = Sequence[Mapping[str, Any]]
SCORES = ("tp", "fp", "fn", "precision", "recall", "f1")


@dataclass(frozen=True)
class Tuned:
    """The chosen parameters, their F1, and the score of every point of the grid (one row a point)."""

    parameters: dict[str, Any]
    f1: float
    scores: Table


def tune(
    finder: Finder,
    images: Mapping[int, np.ndarray],
    true: Table,
    points: Points,
    settings: EvaluationSettings,
    with_line: bool = False,
    with_box: bool = True,
    own: Mapping[int, Mapping[str, Any]] | None = None,
) -> Tuned:
    """Choose the parameters of a finder by the F1 score on the validation split.

    Parameters
    ----------
    finder : Finder
    images : mapping from cube id to ndarray
        Images (or cubes) of the validation split. Each is asked for once, and searched with all points.
    true : astropy.table.Table
        True sources of these cubes. Cubes without sources count with their false detections.
    points : sequence of mappings
        Parameters to try, such as `cubefocus.find.interface.grid_points` gives them.
    settings : EvaluationSettings
    with_line, with_box : bool
        What the criterion looks at, as for `cubefocus.report.methods.Method`.
    own : mapping from cube id to mapping, optional
        Parameters that each cube has of its own, whatever the point.

    Returns
    -------
    Tuned
        Of points with the same score the first.

    Raises
    ------
    CubefocusError
        If there are no points, `true` holds sources of the test split or of cubes without an image, or it has none.
    """
    _check(images, true, points)
    found: list[list[Table]] = [[] for _ in points]
    for number, (cube, image) in enumerate(images.items(), start=1):
        for tables, point in zip(found, points, strict=True):
            tables.append(find_all(finder, [(cube, image)], {**point, **(own or {}).get(cube, {})}))
        logger.info("searched %d of %d cubes with %d points of the grid", number, len(images), len(points))
    criterion = settings.criterion(with_line, with_box)
    rows = [{**point, **_score(vstack(tables), true, criterion)} for point, tables in zip(points, found, strict=True)]
    scores = Table({name: [row[name] for row in rows] for name in rows[0]})
    best = int(np.argmax(scores["f1"]))
    tuned = Tuned(dict(points[best]), float(scores["f1"][best]), scores)
    logger.info("best of %d points: %s, F1 %.3f", len(points), tuned.parameters, tuned.f1)
    return tuned


def _score(found: Table, true: Table, criterion: Criterion) -> dict[str, Any]:
    matches = match(found, true, **criterion)
    counts = np.array([[matches.tp, matches.fp, matches.fn, np.nansum(matches.iou)]], dtype=float)
    precision, recall, f1, _ = ratios(counts)[0]
    return dict(zip(SCORES, (matches.tp, matches.fp, matches.fn, precision, recall, f1), strict=True))


def _check(images: Mapping[int, np.ndarray], true: Table, points: Points) -> None:
    if not points:
        raise CubefocusError("the grid of parameters has no points; give each parameter at least one value")
    if len(true) == 0:
        raise CubefocusError("the validation split has no sources, so that F1 says nothing; simulate some")
    if "split" in true.colnames and "test" in set(true["split"]):
        raise CubefocusError("parameters are chosen on the validation split; the table given holds test sources")
    strangers = np.setdiff1d(cube_ids(true), np.fromiter(images, dtype=np.int64))
    if strangers.size:
        raise CubefocusError(f"cube {strangers[0]} has true sources but no image; give the whole validation split")
