"""Table 2: residuals of the parameters of the matched sources (MNRAS Table 5, Eq. 23-24)."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from astropy.table import Table

from cubefocus.report import published
from cubefocus.report.parameters import ELONGATED, PARAMETERS, Parameter, axis_ratio, pairs, relative_error
from cubefocus.report.published import THIS_RUN
from cubefocus.settings import EvaluationSettings
from cubefocus.stats.intervals import bootstrap_rows, wilson
from cubefocus.stats.noise import background
from cubefocus.tables.matching import Matches

FRACTIONS = {"within_1": 0.01, "within_10": 0.1, "within_20": 0.2}
MOMENTS = ("mean", "std", "median", "mad_std")


def parameter_table(
    pred: Table,
    true: Table,
    matches: Matches,
    settings: EvaluationSettings,
    seed: int = 0,
    parameters: Sequence[Parameter] = PARAMETERS,
) -> Table:
    """Residuals true - predicted of the matched sources (table 2).

    Parameters
    ----------
    pred, true : astropy.table.Table
        Catalogues with x y sigma_x sigma_y (pixels), z z0 z1 (channels), pa (deg), flux (Jy/beam unless its column
        says otherwise).
    matches : Matches
        Their pairs.
    settings : EvaluationSettings
    seed : int
        Of the bootstrap.
    parameters : sequence of Parameter
        Those that the table is about.

    Returns
    -------
    astropy.table.Table
        One row a parameter, followed by its published row. Mean, standard deviation, median and 1.4826 MAD with
        bootstrap intervals over cubes; for pa and flux the fractions of sources within 1, 10 and 20 % of the true
        value with Wilson intervals. ``pa_elongated`` takes only sources of a true axis ratio above 1.2;
        ``flux_relative`` is (true - predicted) / true. ``n_sources`` counts the pairs whose two values are finite.
    """
    rows = []
    for parameter in parameters:
        rows.append(_row(parameter, pred, true, matches, settings, seed))
        rows += [_published_row(p, parameter.unit) for p in published.RESIDUALS if p.parameter == parameter.name]
    return _table(rows)


def _row(
    parameter: Parameter, pred: Table, true: Table, matches: Matches, settings: EvaluationSettings, seed: int
) -> dict[str, Any]:
    truth, predicted = pairs(parameter, pred, true, matches)
    residuals = relative_error(truth, predicted) if parameter.relative else truth - predicted
    use = np.isfinite(residuals)
    if parameter.elongated and matches.tp:
        use &= axis_ratio(true)[matches.true] > ELONGATED
    rng = np.random.default_rng(np.random.SeedSequence([seed, zlib.crc32(parameter.name.encode())]))
    cubes = matches.true_cubes[matches.true]
    row = {"parameter": parameter.name, "unit": parameter.unit, "source": THIS_RUN, "n_sources": int(use.sum())}
    row |= _moments(residuals[use], cubes[use], settings, rng)
    row |= _fractions(truth[use], predicted[use], settings.interval, parameter.fractions)
    return row | {"note": _note(parameter, matches, residuals, use)}


def moments(residuals: np.ndarray) -> np.ndarray:
    """Mean, standard deviation, median and 1.4826 MAD of residuals of shape (n,), n at least 1."""
    return np.array([residuals.mean(), residuals.std(), *background(residuals)])


def _moments(
    residuals: np.ndarray, cubes: np.ndarray, settings: EvaluationSettings, rng: np.random.Generator
) -> dict[str, float]:
    values = low = high = np.full(len(MOMENTS), np.nan)
    if residuals.size:
        values = moments(residuals)
        low, high = bootstrap_rows(moments, residuals, cubes, rng, settings.bootstrap, settings.interval)
    row: dict[str, float] = {}
    for name, value, lo, hi in zip(MOMENTS, values, low, high, strict=True):
        row |= {name: float(value), f"{name}_lo": float(lo), f"{name}_hi": float(hi)}
    return row


def _fractions(truth: np.ndarray, predicted: np.ndarray, level: float, wanted: bool) -> dict[str, float]:
    row: dict[str, float] = {}
    for name, limit in FRACTIONS.items():
        # Without a division: a true value of 0 is met only by 0.
        hits = int((np.abs(truth - predicted) <= limit * np.abs(truth)).sum()) if wanted else 0
        total = truth.size if wanted else 0
        low, high = wilson(hits, total, level)
        row |= {name: hits / total if total else math.nan, f"{name}_lo": float(low), f"{name}_hi": float(high)}
    return row


def _note(parameter: Parameter, matches: Matches, residuals: np.ndarray, use: np.ndarray) -> str:
    notes = []
    if matches.tp == 0:
        notes.append("no matched sources")
    elif not use.any():
        notes.append("no matched source with a finite value")
    elif np.isnan(residuals).any():
        notes.append(f"{int(np.isnan(residuals).sum())} matched sources without a value left out")
    if parameter.elongated:
        notes.append(f"only axis ratio > {ELONGATED:g}")
    if parameter.relative:
        notes.append("(true - predicted) / true")
    return "; ".join(notes)


def _published_row(figures: published.Residual, unit: str) -> dict[str, Any]:
    names = [*MOMENTS, *FRACTIONS]
    row: dict[str, Any] = {f"{name}{end}": math.nan for name in names for end in ("", "_lo", "_hi")}
    for name in ("mean", "std", *FRACTIONS):
        row[name] = getattr(figures, name)
    facts = {"parameter": figures.parameter, "unit": unit, "source": figures.source}
    return facts | {"n_sources": published.N_DETECTED_SOURCES} | row | {"note": figures.note}


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table({name: [row[name] for row in rows] for name in rows[0]})
    for name in table.colnames:
        if table[name].dtype.kind == "f":
            table[name].info.format = ".3f"
    table.meta["caption"] = (
        "Residuals (true - predicted) of the matched sources. Intervals of the moments are a bootstrap over cubes, "
        "those of the fractions Wilson's. Published fractions of pa and flux are over all sources."
    )
    table.meta["label"] = "tab:parameters"
    return table
