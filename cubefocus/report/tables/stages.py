"""Table 3: candidates at each step of the chain, why they were dropped, and how many were truly false."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy.table import Table

from cubefocus.alma.rows import Reason
from cubefocus.errors import CubefocusError
from cubefocus.report import published
from cubefocus.report.candidates import blobs, peaks
from cubefocus.report.published import THIS_RUN
from cubefocus.settings import EvaluationSettings
from cubefocus.stats.intervals import wilson
from cubefocus.tables.columns import column
from cubefocus.tables.matching import match

MEANING = {
    "blobs": "islands in the probability map",
    "peaks": "peaks in the cleaned spectra of the blobs",
    Reason.NO_PEAK: "dropped: no peak in the cleaned spectrum",
    Reason.CONDITION_1: "dropped: faint, and focusing does not raise the SNR",
    Reason.CONDITION_2: "dropped: further peak at the primary's place and range that adds no SNR",
    Reason.MERGED: "made part of the primary's line",
    Reason.SAME_PLACE: "dropped: further peak outside the primary's range, at its place",
    Reason.FAINT_PIXEL: "dropped: further peak not above the noise",
    Reason.OTHER_CANDIDATE: "dropped: further peak of another candidate",
    Reason.LOW_SNR: "dropped: focused SNR below the least one",
    "catalogue": "in the catalogue",
}


def stages_table(candidates: Table, true: Table, settings: EvaluationSettings) -> Table:
    """Count candidates step by step, and how many of them were truly false (table 3).

    Parameters
    ----------
    candidates : astropy.table.Table
        As `cubefocus.alma.catalogue.candidates_table` makes it: cube_id, parent_id, reason, x0 y0 x1 y1, z0 z1.
    true : astropy.table.Table
        True sources of the same cubes.
    settings : EvaluationSettings

    Returns
    -------
    astropy.table.Table
        One row a step, followed by its published row. A candidate is truly false if one-to-one matching leaves it
        without a true source: blobs (and those without a peak) are matched by their boxes, candidates with a line by
        box and line, all candidates that got so far at once. So of two candidates for one source one is false.

    Raises
    ------
    CubefocusError
        If the chain has not decided about a candidate.
    """
    reasons = np.asarray(candidates["reason"], dtype=str) if len(candidates) else np.empty(0, dtype=str)
    if (reasons == Reason.PENDING).any():
        raise CubefocusError("the candidates are those of an unfinished chain (reason 'pending'); run it to its end")
    has_line, is_blob = np.isfinite(column(candidates, "z0")), column(candidates, "parent_id") < 0
    alone, with_line = settings.criterion(), settings.criterion(with_line=True)
    false_blob = _false(candidates, is_blob, blobs(candidates), true, alone)
    steps = {
        "blobs": (is_blob, false_blob),
        Reason.NO_PEAK: (reasons == Reason.NO_PEAK, false_blob),
        "peaks": (has_line, _false(candidates, has_line, peaks(candidates), true, with_line)),
    }
    false = _false(candidates, has_line, candidates[has_line], true, with_line)
    for reason in [r for r in Reason if r in MEANING and r is not Reason.NO_PEAK]:
        steps[reason] = (reasons == reason, false)
    steps["catalogue"] = (reasons == Reason.KEPT, false)
    return _table([row for step, (chosen, wrong) in steps.items() for row in _rows(step, chosen, wrong, settings)])


def _false(candidates: Table, chosen: np.ndarray, rows: Table, true: Table, criterion: Any) -> np.ndarray:
    """Mark among all candidates those of `chosen`, given as `rows`, that match no true source."""
    false = np.zeros(len(candidates), dtype=bool)
    false[chosen] = ~match(rows, true, **criterion).matched_pred
    return false


def _rows(step: str, chosen: np.ndarray, false: np.ndarray, settings: EvaluationSettings) -> list[dict[str, Any]]:
    ours = _row(step, THIS_RUN, int(chosen.sum()), int((chosen & false).sum()), settings.interval, "")
    figures = [p for p in published.STAGES if p.stage == step]
    return [ours, *(_row(step, p.source, p.n_candidates, p.n_false, None, p.note) for p in figures)]


def _row(step: str, source: str, total: int, false: int, level: float | None, note: str) -> dict[str, Any]:
    low, high = (np.nan, np.nan) if level is None else wilson(false, total, level)
    return {
        "stage": str(step),
        "meaning": MEANING[step],
        "source": source,
        "n_candidates": total,
        "n_false": false,
        "false_fraction": false / total if total else np.nan,
        "false_fraction_lo": float(low),
        "false_fraction_hi": float(high),
        "note": note or ("" if total else "no candidates"),
    }


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table({name: [row[name] for row in rows] for name in rows[0]})
    for name in ("false_fraction", "false_fraction_lo", "false_fraction_hi"):
        table[name].info.format = ".3f"
    table.meta["caption"] = (
        "Candidates at each step of the chain and how many of them match no true source; intervals are Wilson's."
    )
    table.meta["label"] = "tab:stages"
    return table
