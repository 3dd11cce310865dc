"""Score a catalogue of any program against a truth table in Python, as ``cubefocus evaluate`` scores files."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from cubefocus.report.tables.detection import Method
from cubefocus.report.tables.scores import detection_scores, parameter_scores
from cubefocus.settings import EvaluationSettings
from cubefocus.tables.columns import BOX, LINE_RANGE, has_columns
from cubefocus.tables.entries import Truth, read_entry, read_truth
from cubefocus.tables.hints import hints
from cubefocus.tables.mapping import Reading

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Scores:
    """What a catalogue is worth.

    Attributes
    ----------
    detection : astropy.table.Table
        One row: found, false and missed sources, precision, recall, F1, mean IoU, with intervals.
    parameters : astropy.table.Table or None
        Residuals of the parameters that both tables have; None if there are none.
    """

    detection: Table
    parameters: Table | None


def evaluate(
    catalogue: Table | str | Path,
    truth: Table | str | Path,
    split: str | None = None,
    settings: EvaluationSettings | Mapping[str, Any] | None = None,
    ignore: Sequence[str] = (),
    seed: int = 1,
) -> Scores:
    """Match the sources of a catalogue one to one with true ones, and count.

    Parameters
    ----------
    catalogue, truth : astropy.table.Table or path
        Of any program, told by their columns as ``cubefocus evaluate --help`` names them.
    split : str, optional
        Which split of a truth table that has several.
    settings : EvaluationSettings or mapping, optional
        When a source counts as found: ``iou``, ``distance`` (px), ``line_iou``.
    ignore : sequence of {"boxes", "lines", "cubes"}
        Match as if the catalogue had none.
    seed : int
        Of the bootstrap intervals.

    Returns
    -------
    Scores

    Raises
    ------
    CubefocusError
        If a table or an option cannot be used.

    Examples
    --------
    >>> from cubefocus import evaluate
    >>> scores = evaluate("found/catalogue.ecsv", "results/demo/truth.ecsv", "test")    # doctest: +SKIP
    >>> scores.detection["precision", "recall"]                                         # doctest: +SKIP
    """
    if not isinstance(settings, EvaluationSettings):
        settings = EvaluationSettings.from_mapping(settings or {})
    with tempfile.TemporaryDirectory() as folder:
        paths = [_on_disk(table, Path(folder) / f"{name}.ecsv") for name, table in (("catalogue", catalogue),
                                                                                    ("truth", truth))]  # fmt: skip
        true = read_truth(paths[1], Reading(), split)
        found = read_entry(paths[0], Reading(ignored=tuple(ignore)), true)
    for hint in hints("catalogue", found, true, settings.distance):
        logger.warning("%s", hint)
    method = as_method("catalogue", found, true, ignore)
    return Scores(detection_scores([method], true, settings, seed), parameter_scores(method, true, settings, seed))


def _on_disk(table: Table | str | Path, place: Path) -> Path:
    """What reads tables of other programs reads files: one in memory is written, without loss."""
    if isinstance(table, Table):
        table.write(place, format="ascii.ecsv")
        return place
    return Path(table)


def as_method(name: str, found: Table, truth: Truth, ignored: Sequence[str] = ()) -> Method:
    """Boxes and lines are part of the criterion where both tables have them and nobody asks to ignore them."""
    with_box, with_line = (
        what not in ignored and has_columns(found, columns) and has_columns(truth.table, columns)
        for what, columns in (("boxes", BOX), ("lines", LINE_RANGE))
    )
    if with_line and (lost := int(np.isnan(found["z0"] + found["z1"]).sum())):
        logger.warning("%s: %d detections have no line range and match no source that has a line", name, lost)
    return Method(name, found, with_line, with_box, oracle=None)
