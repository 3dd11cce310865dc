"""Tables 1 and 2 for catalogues of any program: without the published rows, which are about other cubes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from astropy.table import Table

from cubefocus.report.methods import Method
from cubefocus.report.parameters import shared_parameters
from cubefocus.report.published import THIS_RUN
from cubefocus.report.tables.detection import detection_table
from cubefocus.report.tables.parameters import OVER_LIMIT, parameter_table
from cubefocus.settings import EvaluationSettings
from cubefocus.tables.columns import cube_ids
from cubefocus.tables.entries import Truth
from cubefocus.tables.shapes import like_true

DISTANCE_ONLY = "no boxes looked at: matched by distance only"


def detection_scores(methods: Sequence[Method], truth: Truth, settings: EvaluationSettings, seed: int) -> Table:
    """What each catalogue detects.

    Returns
    -------
    astropy.table.Table
        As `cubefocus.report.tables.detection.detection_table`, one row a method, without oracle and published rows. The
        note says where only the distance of the centres counted.
    """
    cubes = truth.cubes.union(*(cube_ids(method.predictions).tolist() for method in methods))
    table = _ours(detection_table(methods, truth.table, cubes, settings, seed))
    table.remove_columns(["source", "oracle_recall"])
    alone = ["" if method.with_box else DISTANCE_ONLY for method in methods]
    table["note"] = ["; ".join(filter(None, pair)) for pair in zip(alone, table["note"].tolist(), strict=True)]
    table.meta["caption"] = (
        "Detection of sources. One-to-one matching within a cube; intervals are Wilson's for precision and recall and "
        f"a bootstrap over cubes for F1 and mean IoU, at {100 * settings.interval:g} %."
    )
    return table


def parameter_scores(method: Method, truth: Truth, settings: EvaluationSettings, seed: int) -> Table | None:
    """Residuals of the parameters that both tables have (None if there are none), without published rows."""
    shared = shared_parameters(method.predictions, truth.table)
    if not shared:
        return None
    matches = method.matches(truth.table, settings)
    ellipses = method.predictions.meta.get("ellipses", False)  # of another program: major axis first
    found = like_true(method.predictions, truth.table, matches) if ellipses else method.predictions
    table = _ours(parameter_table([replace(method, predictions=found)], truth.table, settings, seed, shared))
    table.remove_columns(["method", "source", "limit", *(f"{OVER_LIMIT}{end}" for end in ("", "_lo", "_hi"))])
    table.meta["caption"] = (
        f"Residuals (true - predicted) of the matched sources of {method.name}. Intervals of the moments are a "
        "bootstrap over cubes, those of the fractions Wilson's. Coverage is the share of residuals within 1 and 1.96 "
        "stated errors."
    )
    return table


def _ours(table: Table) -> Table:
    return table[table["source"] == THIS_RUN]
