"""Table 2: residuals of the parameters of the matched sources (MNRAS Table 5, Eq. 23-24)."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from astropy.table import Table

from cubefocus.report import published
from cubefocus.report.accuracy import COVERAGES, coverage, over_limit, rms, share, with_ends
from cubefocus.report.methods import CHAIN, Method
from cubefocus.report.parameters import ELONGATED, PARAMETERS, Parameter, Residuals, limits_of, residuals_of
from cubefocus.report.published import THIS_RUN
from cubefocus.settings import EvaluationSettings
from cubefocus.stats.noise import background
from cubefocus.tables.matching import Matches

FRACTIONS = {"within_1": 0.01, "within_10": 0.1, "within_20": 0.2}
MOMENTS = ("mean", "std", "median", "mad_std")
OVER_LIMIT = "over_limit"


def parameter_table(
    methods: Sequence[Method],
    true: Table,
    settings: EvaluationSettings,
    seed: int = 0,
    parameters: Sequence[Parameter] = PARAMETERS,
    bound: Table | None = None,
) -> Table:
    """Residuals true - predicted of the matched sources (table 2).

    Parameters
    ----------
    methods : sequence of Method
        Each with those of x y sigma_x sigma_y (pixels), z z0 z1 (channels), pa (deg), flux (Jy/beam unless its column
        says otherwise), continuum_mjy and line_flux_jykms that it measures, and their errors if it states them. One
        without rows and columns measured none of them.
    true : astropy.table.Table
        True sources of the same cubes, with source_id if there is a bound.
    settings : EvaluationSettings
    seed : int
        Of the bootstrap.
    parameters : sequence of Parameter
        Those that the table is about.
    bound : astropy.table.Table, optional
        Smallest standard error, ``<name>_err``, that the noise allows for each true source (cube_id, source_id).

    Returns
    -------
    astropy.table.Table
        For each parameter one row a method that has it, the chain's followed by its published row. Mean, standard
        deviation, median and 1.4826 MAD with bootstrap intervals over cubes; for angles and fluxes the fractions of
        sources within 1, 10 and 20 % of the true value with Wilson intervals, those of ``pa_nearest`` of 90 deg.
        ``limit`` is the rms of the bound over the same sources, ``over_limit`` the standard deviation over it;
        ``coverage_68`` and ``coverage_95`` are the shares of residuals within 1 and 1.96 stated errors, with Wilson
        intervals. ``_nearest`` is the nearest description of an ellipse, ``_elongated`` takes only sources of a true
        axis ratio above 1.2; ``flux_relative`` is (true - predicted) / true. ``n_sources`` counts the pairs whose two
        values are finite.

    Raises
    ------
    CubefocusError
        If a true source has no row in the bound.
    """
    limits = None if bound is None else limits_of(true, bound)
    found = [(method, method.matches(true, settings)) for method in methods]
    rows = []
    for parameter in parameters:
        for method, matches in found:
            if not _measures(method, parameter):
                continue
            measured = residuals_of(parameter, method.predictions, true, matches, limits)
            rows.append(_row(parameter, method, matches, measured, settings, seed))
            if method.name == CHAIN:
                rows += _published_rows(parameter)
    return _table(rows)


def _measures(method: Method, parameter: Parameter) -> bool:
    """Whether a method has a parameter; a table without anything may have them all."""
    return not method.predictions.colnames or parameter.known(method.predictions)


def _row(
    parameter: Parameter,
    method: Method,
    matches: Matches,
    measured: Residuals,
    settings: EvaluationSettings,
    seed: int,
) -> dict[str, Any]:
    used = measured.of(measured.use)
    rng = np.random.default_rng(np.random.SeedSequence([seed, zlib.crc32(parameter.name.encode())]))
    return {
        "parameter": parameter.name,
        "method": method.name,
        "unit": parameter.unit,
        "source": THIS_RUN,
        "n_sources": int(measured.use.sum()),
        **_moments(used, settings, rng),
        **_fractions(used, parameter, settings.interval),
        **coverage(used, settings.interval),
        "note": _note(parameter, matches, measured),
    }


def moments(residuals: np.ndarray) -> np.ndarray:
    """Mean, standard deviation, median and 1.4826 MAD of residuals of shape (n,), n at least 1."""
    return np.array([residuals.mean(), residuals.std(), *background(residuals)])


def spread(values: np.ndarray) -> np.ndarray:
    """Moments of the residuals in the first column, and how far their standard deviation is over the second, limits."""
    return np.append(moments(values[:, 0]), over_limit(values[:, 0], values[:, 1]))


def _moments(used: Residuals, settings: EvaluationSettings, rng: np.random.Generator) -> dict[str, float]:
    names = (*MOMENTS, OVER_LIMIT)
    row = with_ends(names, spread, np.column_stack([used.residual, used.limit]), used.cubes, settings, rng)
    return row | {"limit": rms(used.limit[np.isfinite(used.limit)])}


def _fractions(used: Residuals, parameter: Parameter, level: float) -> dict[str, float]:
    full = np.abs(used.truth) if parameter.full is None else parameter.full
    row: dict[str, float] = {}
    for name, limit in FRACTIONS.items():
        # Without a division: a true value of 0 is met only by 0.
        hits = np.abs(used.truth - used.predicted) <= limit * full
        row |= share(name, hits if parameter.fractions else hits[:0], level)
    return row


def _note(parameter: Parameter, matches: Matches, measured: Residuals) -> str:
    notes = []
    if matches.tp == 0:
        notes.append("no matched sources")
    elif not measured.use.any():
        notes.append("no matched source with a finite value")
    elif np.isnan(measured.residual).any():
        notes.append(f"{int(np.isnan(measured.residual).sum())} matched sources without a value left out")
    stated = measured.pulls.size
    if 0 < stated < measured.use.sum():
        notes.append(f"errors stated for {stated}")
    if parameter.elongated:
        notes.append(f"only axis ratio > {ELONGATED:g}")
    if parameter.full is not None:
        notes.append(f"fractions are of {parameter.full:g} {parameter.unit}")
    if parameter.relative:
        notes.append("(true - predicted) / true")
    return "; ".join(notes)


def _published_rows(parameter: Parameter) -> list[dict[str, Any]]:
    return [_published_row(p, parameter.unit) for p in published.RESIDUALS if p.parameter == parameter.name]


def _published_row(figures: published.Residual, unit: str) -> dict[str, Any]:
    names = [*MOMENTS, *FRACTIONS, OVER_LIMIT, *COVERAGES]
    row: dict[str, Any] = {f"{name}{end}": math.nan for name in names for end in ("", "_lo", "_hi")}
    for name in ("mean", "std", *FRACTIONS):
        row[name] = getattr(figures, name)
    facts = {"parameter": figures.parameter, "method": CHAIN, "unit": unit, "source": figures.source}
    return facts | {"n_sources": published.N_DETECTED_SOURCES, "limit": math.nan} | row | {"note": figures.note}


def _table(rows: list[dict[str, Any]]) -> Table:
    measures = [*MOMENTS, *FRACTIONS, "limit", OVER_LIMIT, *COVERAGES]
    ends = [f"{name}{end}" for name in measures for end in (("",) if name == "limit" else ("", "_lo", "_hi"))]
    names = ["parameter", "method", "unit", "source", "n_sources", *ends, "note"]
    table = Table({name: [row[name] for row in rows] for name in names})
    for name in ends:
        table[name].info.format = ".3f"
    table.meta["caption"] = (
        "Residuals (true - predicted) of the matched sources. Intervals of the moments are a bootstrap over cubes, "
        "those of the fractions Wilson's. Published fractions of pa and flux are over all sources. The limit is the "
        "smallest standard error that the noise allows (Cramer-Rao), over the same sources; coverage is the share of "
        "residuals within 1 and 1.96 stated errors. Nearest: of both descriptions of an ellipse, widths exchanged and "
        "angle a quarter of a turn on, the one with the nearer widths; the limit knows no such exchange."
    )
    table.meta["label"] = "tab:parameters"
    return table
