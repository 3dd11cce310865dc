"""Scores by class of source: where a method finds and measures well, and where it does not."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from astropy.table import Table

from cubefocus.report.accuracy import COVERAGES, coverage, over_limit, share, with_ends
from cubefocus.report.classes import DIVISIONS, Division, beams_of
from cubefocus.report.methods import Method
from cubefocus.report.parameters import Parameter, Residuals, limits_of, parameter_of, residuals_of
from cubefocus.settings import EvaluationSettings
from cubefocus.tables.matching import Matches

MEASURED = ("x", "flux_relative")
IN_SPREAD = ("std", "over_limit")
COLUMNS: dict[str, type] = {
    "by": str,
    "class": str,
    "method": str,
    "n_sources": int,
    "tp": int,
    "fp": int,
    **{f"{name}{end}": float for name in ("recall", "precision", "mean_iou") for end in ("", "_lo", "_hi")},
    **{
        f"{parameter}_{name}{end}": float
        for parameter in MEASURED
        for name in (*IN_SPREAD, *COVERAGES)
        for end in ("", "_lo", "_hi")
    },
    "note": str,
}


def classes_table(
    methods: Sequence[Method], true: Table, settings: EvaluationSettings, seed: int = 0, bound: Table | None = None
) -> Table:
    """What each method finds and how well it measures, by class of source.

    Parameters
    ----------
    methods : sequence of Method
        With the column ``snr_image``.
    true : astropy.table.Table
        True sources of the same cubes, with snr_image, blendness, sigma_x, sigma_y, and source_id if there is a bound;
        ``beam_px`` of each cube in the meta data, without which no class of the nearest neighbour has sources.
    settings : EvaluationSettings
    seed : int
        Of the bootstrap.
    bound : astropy.table.Table, optional
        As `cubefocus.report.tables.parameters.parameter_table` takes it.

    Returns
    -------
    astropy.table.Table
        One row a class and method. Found and missed sources are of the class of the true source; a false detection is
        of the one that its own SNR, box, place or shape put it in, and of none where it has none. Intervals are
        Wilson's for shares, a bootstrap over cubes for the rest. ``x_std`` is in pixels, ``flux_relative_std`` of
        (true - predicted) / true; a standard deviation takes two sources.

    Raises
    ------
    CubefocusError
        If a true source has no row in the bound, or a column is absent.
    """
    limits = None if bound is None else limits_of(true, bound)
    beams = beams_of(true)
    found = []
    for method in methods:
        matches = method.matches(true, settings)
        measured = {name: _measured(parameter_of(name), method, true, matches, limits) for name in MEASURED}
        found.append((method, matches, measured))
    rows: list[dict[str, Any]] = []
    for division in DIVISIONS:
        own = division.of(true, beams)
        for number in range(len(division.names)):
            for method, matches, measured in found:
                false = (division.of(method.predictions, beams) == number) & ~matches.matched_pred
                rng = np.random.default_rng(np.random.SeedSequence([seed, zlib.crc32(method.name.encode()), len(rows)]))
                scores = _scores(matches, own == number, int(false.sum()), measured, settings, rng)
                rows.append(_facts(division, number, method) | scores | {"note": _why_nan(own, number, matches)})
    return _table(rows)


def _facts(division: Division, number: int, method: Method) -> dict[str, Any]:
    return {"by": division.name, "class": division.names[number], "method": method.name}


def _measured(
    parameter: Parameter, method: Method, true: Table, matches: Matches, limits: Table | None
) -> Residuals | None:
    if matches.tp and not parameter.known(method.predictions):
        return None
    return residuals_of(parameter, method.predictions, true, matches, limits)


def _scores(
    matches: Matches,
    own: np.ndarray,
    false: int,
    measured: dict[str, Residuals | None],
    settings: EvaluationSettings,
    rng: np.random.Generator,
) -> dict[str, Any]:
    inside = own[matches.true]
    right = int(inside.sum())
    row: dict[str, Any] = {"n_sources": int(own.sum()), "tp": right, "fp": false}
    row |= share("recall", matches.matched_true[own], settings.interval)
    row |= share("precision", np.arange(right + false) < right, settings.interval)
    cubes = matches.true_cubes[matches.true]
    row |= with_ends(("mean_iou",), _mean, matches.iou[inside], cubes[inside], settings, rng)
    for name, residuals in measured.items():
        if residuals is not None:
            row |= _accuracy(name, residuals.of(inside & residuals.use), settings, rng)
    return row


def _mean(values: np.ndarray) -> np.ndarray:
    return np.array([values.mean()])


def _accuracy(name: str, used: Residuals, settings: EvaluationSettings, rng: np.random.Generator) -> dict[str, float]:
    values = np.column_stack([used.residual, used.limit])
    row = with_ends(IN_SPREAD, _spread, values, used.cubes, settings, rng) | coverage(used, settings.interval)
    return {f"{name}_{key}": value for key, value in row.items()}


def _spread(values: np.ndarray) -> np.ndarray:
    """Standard deviation of the residuals in the first column, and that over the limits in the second."""
    if len(values) < 2:
        return np.full(2, np.nan)
    return np.array([values[:, 0].std(), over_limit(values[:, 0], values[:, 1])])


def _why_nan(own: np.ndarray, number: int, matches: Matches) -> str:
    if not (own == number).any():
        return "no sources"
    return "" if (own[matches.true] == number).any() else "no matched sources"


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table({name: [row.get(name, math.nan) for row in rows] for name in COLUMNS}, dtype=list(COLUMNS.values()))
    for name, kind in COLUMNS.items():
        if kind is float:
            table[name].info.format = ".3f"
    table.meta["caption"] = (
        "Scores by class of source. What is found or missed is of the class of the true source, a false detection of "
        "the one that its own SNR, box, place or shape put it in. Nearest neighbours are compared with the mean width "
        "of the dirty beam of their cube. Intervals are Wilson's for shares and a bootstrap over cubes for the rest."
    )
    table.meta["label"] = "tab:classes"
    return table
