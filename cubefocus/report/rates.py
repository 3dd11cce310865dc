"""Completeness and purity in bins of SNR and blendness."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from astropy.table import Table, vstack

from cubefocus.report.methods import Method
from cubefocus.settings import EvaluationSettings
from cubefocus.stats.intervals import wilson
from cubefocus.tables.boxes import blendness
from cubefocus.tables.columns import BOX, column, columns, cube_ids, has_columns

BLENDNESS_EDGES = np.array([0.0, 0.05, 0.1, 0.2, 0.3, 0.45, 1.0])


def binned_rate(values: np.ndarray, success: np.ndarray, edges: np.ndarray, level: float = 0.68) -> Table:
    """Fraction of successes in bins of a quantity, with Wilson intervals.

    Parameters
    ----------
    values : ndarray, shape (n,)
        NaN counts nowhere.
    success : ndarray of bool, shape (n,)
    edges : ndarray, shape (n_bins + 1,)
        Bins are half-open, the last one closed.
    level : float

    Returns
    -------
    astropy.table.Table
        One row a bin: low, high and median of the values in it, n (trials), k (successes), rate, rate_lo, rate_hi;
        NaN in an empty bin.
    """
    known = np.isfinite(values)
    n, _ = np.histogram(values[known], edges)
    k, _ = np.histogram(values[known & success], edges)
    rate = np.divide(k, n, out=np.full(n.shape, np.nan), where=n > 0)
    low, high = wilson(k, n, level)
    names = ("low", "high", "median", "n", "k", "rate", "rate_lo", "rate_hi")
    return Table([edges[:-1], edges[1:], _medians(values[known], edges), n, k, rate, low, high], names=names)


def _medians(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Median of the values in each bin, NaN in an empty one."""
    last = edges.size - 2
    index = np.where(values == edges[-1], last, np.searchsorted(edges, values, side="right") - 1)
    return np.array([np.median(values[index == i]) if (index == i).any() else np.nan for i in range(last + 1)])


def quantile_edges(values: np.ndarray, bins: int = 8) -> np.ndarray:
    """Edges of bins with about the same number of values each; fewer bins where values repeat."""
    values = values[np.isfinite(values)]
    if values.size == 0:
        return np.array([0.0, 1.0])
    edges = np.unique(np.quantile(values, np.linspace(0.0, 1.0, min(bins, values.size) + 1)))
    return edges if edges.size > 1 else np.array([edges[0] - 0.5, edges[0] + 0.5])


@dataclass(frozen=True)
class _Rate:
    """One curve: what it is, against what, and the values and successes it is made of."""

    quantity: str
    against: str
    values: np.ndarray
    success: np.ndarray
    edges: np.ndarray


def rates_table(methods: Sequence[Method], true: Table, settings: EvaluationSettings, snr_column: str = "snr") -> Table:
    """Completeness (of true sources) and purity (of predictions) of each method against SNR and blendness.

    Parameters
    ----------
    methods : sequence of Method
    true : astropy.table.Table
        With the SNR column and ``blendness``.
    settings : EvaluationSettings
    snr_column : str
        Predictions without it have no purity against SNR. Each of the two curves takes the SNR of its own table.

    Returns
    -------
    astropy.table.Table
        As `binned_rate`, with the columns method, quantity (completeness or purity) and against (snr or blendness)
        in front. Blendness of predictions is that of their boxes. SNR bins hold equal numbers of true sources
        (completeness) or of predictions (purity).
    """
    tables = []
    for method in methods:
        matches = method.matches(true, settings)
        for curve in _curves(method.predictions, true, matches.matched_pred, matches.matched_true, snr_column):
            table = binned_rate(curve.values, curve.success, curve.edges, settings.interval)
            facts = {"method": method.name, "quantity": curve.quantity, "against": curve.against}
            for index, (name, value) in enumerate(facts.items()):
                table.add_column([value] * len(table), name=name, index=index)
            tables.append(table)
    return vstack(tables)


def _curves(
    pred: Table, true: Table, matched_pred: np.ndarray, matched_true: np.ndarray, snr_column: str
) -> list[_Rate]:
    snr = column(true, snr_column)
    curves = [
        _Rate("completeness", "snr", snr, matched_true, quantile_edges(snr)),
        _Rate("completeness", "blendness", column(true, "blendness"), matched_true, BLENDNESS_EDGES),
    ]
    if snr_column in pred.colnames:
        found = column(pred, snr_column)
        curves.append(_Rate("purity", "snr", found, matched_pred, quantile_edges(found)))
    if has_columns(pred, BOX):
        curves.append(_Rate("purity", "blendness", blendness_by_cube(pred), matched_pred, BLENDNESS_EDGES))
    return curves


def blendness_by_cube(table: Table) -> np.ndarray:
    """Largest IoU of each box with another one of its cube (MNRAS Eq. 22), shape (n,)."""
    boxes, cubes = columns(table, BOX), cube_ids(table)
    result = np.zeros(len(table))
    for cube in np.unique(cubes):
        rows = cubes == cube
        result[rows] = blendness(boxes[rows])
    return result
