"""Table 1: what each method detects, beside its oracle and the published figures (MNRAS Table 4, ECML Table 2)."""

from __future__ import annotations

import logging
import math
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from astropy.table import Table

from cubefocus.report import published
from cubefocus.report.methods import Method
from cubefocus.report.published import THIS_RUN
from cubefocus.settings import EvaluationSettings
from cubefocus.stats.intervals import bootstrap_sums, wilson
from cubefocus.stats.ratios import ratios
from cubefocus.tables.matching import Matches

logger = logging.getLogger(__name__)

INTERVALS = ("precision", "recall", "f1", "mean_iou")
COLUMNS: dict[str, type] = {
    "method": str,
    "source": str,
    "criterion": str,
    "n_cubes": int,
    "n_sources": int,
    "tp": int,
    "fp": int,
    "fn": int,
    **{f"{name}{end}": float for name in INTERVALS for end in ("", "_lo", "_hi")},
    "oracle_recall": float,
    "note": str,
}


def detection_table(
    methods: Sequence[Method],
    true: Table,
    cubes: Iterable[int],
    settings: EvaluationSettings,
    seed: int = 0,
    others: Sequence[published.Detection] = published.DETECTION,
) -> Table:
    """Count detections, false ones and missed sources of every method (table 1).

    Parameters
    ----------
    methods : sequence of Method
        The oracles among them.
    true : astropy.table.Table
        True sources of the test split.
    cubes : iterable of int
        Ids of all test cubes, those without sources included.
    settings : EvaluationSettings
    seed : int
        Of the bootstrap; the interval of a row does not depend on which other rows there are.
    others : sequence of published.Detection
        Published rows.

    Returns
    -------
    astropy.table.Table
        One row a method, followed by the published rows of that name, then by the other published rows. Precision
        and recall carry Wilson intervals, F1 and mean IoU intervals of a bootstrap over cubes (``_lo``, ``_hi``).
        A figure that has no meaning is NaN, and ``note`` says why. A method above its oracle is noted and logged.
    """
    ids = sorted({int(cube) for cube in cubes})
    rows = [_row(method, true, ids, settings, seed) for method in methods]
    _compare_with_oracles(rows, methods)
    return _table(_beside_published(rows, others))


def by_distance(methods: Sequence[Method]) -> list[Method]:
    """The same methods, where neither boxes nor lines need to agree."""
    return [replace(method, with_box=False, with_line=False) for method in methods]


def _row(method: Method, true: Table, cubes: list[int], settings: EvaluationSettings, seed: int) -> dict[str, Any]:
    matches = method.matches(true, settings)
    rng = np.random.default_rng(np.random.SeedSequence([seed, zlib.crc32(method.name.encode())]))
    return {
        "method": method.name,
        "source": THIS_RUN,
        "criterion": settings.describe(method.with_line, method.with_box),
        "n_cubes": len(cubes),
        "n_sources": len(true),
        **_scores(matches, cubes, settings, rng),
        "oracle_recall": math.nan,
        "note": "; ".join(part for part in (method.note, _why_nan(matches)) if part),
    }


def _scores(
    matches: Matches, cubes: list[int], settings: EvaluationSettings, rng: np.random.Generator
) -> dict[str, float]:
    per_cube = matches.per_cube(cubes)
    sums = per_cube.sum(axis=0, keepdims=True)
    values = dict(zip(INTERVALS, ratios(sums)[0], strict=True))
    low, high = bootstrap_sums(ratios, per_cube, rng, settings.bootstrap, settings.interval)
    ends = dict(zip(INTERVALS, zip(low, high, strict=True), strict=True))
    tp, fp, fn = matches.tp, matches.fp, matches.fn
    ends["precision"] = wilson(tp, tp + fp, settings.interval)
    ends["recall"] = wilson(tp, tp + fn, settings.interval)
    scores: dict[str, float] = {"tp": tp, "fp": fp, "fn": fn}
    for name in INTERVALS:
        scores |= {name: values[name], f"{name}_lo": float(ends[name][0]), f"{name}_hi": float(ends[name][1])}
    return scores


def _why_nan(matches: Matches) -> str:
    if matches.tp + matches.fp == 0 and matches.fn == 0:
        return "no sources and no detections"
    reasons = []
    if matches.tp + matches.fn == 0:
        reasons.append("no sources: recall has no meaning")
    if matches.tp + matches.fp == 0:
        reasons.append("no detections: precision and mean IoU have no meaning")
    elif matches.tp == 0:
        reasons.append("no matches: mean IoU has no meaning")
    elif np.isnan(matches.iou).any():
        reasons.append("no boxes: mean IoU has no meaning")
    return "; ".join(reasons)


def _compare_with_oracles(rows: list[dict[str, Any]], methods: Sequence[Method]) -> None:
    """Put the recall of each method's oracle in its row and report the methods above it."""
    recall = {row["method"]: row["recall"] for row in rows}
    for row, method in zip(rows, methods, strict=True):
        if method.oracle is None or method.oracle == method.name:
            continue
        if method.oracle not in recall:
            note = f"no oracle {method.oracle!r} was run"
        else:
            row["oracle_recall"] = recall[method.oracle]
            if not row["recall"] > row["oracle_recall"]:
                continue
            note = f"recall above its oracle ({row['oracle_recall']:.3f}): check the evaluation"
            logger.warning("%s: recall %.4f, above its oracle %.4f", method.name, row["recall"], row["oracle_recall"])
        row["note"] = "; ".join(part for part in (row["note"], note) if part)


def _published_row(figures: published.Detection) -> dict[str, Any]:
    tp, fp, fn = figures.tp, figures.fp, figures.fn
    row: dict[str, Any] = {name: math.nan for name, kind in COLUMNS.items() if kind is float}
    return row | {
        "method": figures.method,
        "source": figures.source,
        "criterion": figures.criterion,
        "n_cubes": published.N_TEST_CUBES,
        "n_sources": published.N_TEST_SOURCES,
        "tp": tp,
        "fp": fp,
        "fn": fn,
        "precision": figures.precision,
        "recall": figures.recall,
        # Not printed; follows from the printed counts where these add up to the sources.
        "f1": 2 * tp / (2 * tp + fp + fn) if tp + fn == published.N_TEST_SOURCES else math.nan,
        "mean_iou": figures.mean_iou,
        "note": figures.note,
    }


def _beside_published(rows: list[dict[str, Any]], others: Sequence[published.Detection]) -> list[dict[str, Any]]:
    ours = {row["method"] for row in rows}
    ordered = []
    for row in rows:
        ordered += [row, *(_published_row(p) for p in others if p.method == row["method"])]
    return ordered + [_published_row(p) for p in others if p.method not in ours]


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table({name: [row[name] for row in rows] for name in COLUMNS})
    for name in COLUMNS:
        if table[name].dtype.kind == "f":
            table[name].info.format = ".3f"
    table.meta["caption"] = (
        "Detection of sources in the test cubes. One-to-one matching within a cube; intervals are Wilson's for "
        "precision and recall and a bootstrap over cubes for F1 and mean IoU. F1 of published rows follows from their "
        "counts."
    )
    table.meta["label"] = "tab:detection"
    return table
