"""What is detected in continuum images (table 1 on the images of the Bayesian imaging), and what these took."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from astropy.table import Table

from cubefocus.report.methods import Method
from cubefocus.report.tables.detection import detection_table
from cubefocus.resolve.detected import FIT, RESOLVE, TRUE
from cubefocus.settings import EvaluationSettings
from cubefocus.specs import CONTINUUM_FINDERS
from cubefocus.tables.columns import BOX

METHODS = {
    RESOLVE: "RESOLVE",
    **{name: f"tclean + {name}" for name in CONTINUUM_FINDERS},
    FIT: "fit through the response",
}
DROPPED = ("oracle_recall",)


def continuum_table(found: Table, notes: Mapping[str, str], seed: int = 0) -> Table:
    """Count what each method detects in all skies.

    Parameters
    ----------
    found : Table
        As `cubefocus.resolve.detected.detect` makes it, of all skies, one below the other.
    notes : mapping
        Of methods that could not run.
    seed : int
        Of the bootstrap.

    Returns
    -------
    Table
        As `cubefocus.report.tables.detection.detection_table`, without published rows and oracles.
    """
    true, names = _of(found, TRUE), set(found["method"])
    cubes = sorted(set(map(int, found["cube_id"])))
    ran = [name for name in METHODS if name in names or name not in notes]
    methods = [Method(METHODS[name], _of(found, name), oracle=None, note=_note(name)) for name in ran]
    table = detection_table(methods, true, cubes, EvaluationSettings(), seed, others=())
    table.remove_columns(DROPPED)
    table.rename_column("n_cubes", "n_images")
    missing = "".join(f" {METHODS[name]} was not run: {why}." for name, why in notes.items())
    table.meta["caption"] = (
        "Detection of components in continuum images, one-to-one within an image. A box holds the pixels in which a "
        "source, as the natural beam shows it, is above half of its maximum. Intervals are Wilson's for precision and "
        f"recall, and a bootstrap over images.{missing}"
    )
    table.meta["label"] = "tab:continuum_detection"
    return table


def _note(name: str) -> str:
    return "begins at the true values: its recall is a bound" if name == FIT else ""


def _of(found: Table, method: str) -> Table:
    """Detections of a method, those without a number left out."""
    some = found[found["method"] == method]
    return some[np.all([np.isfinite(np.asarray(some[name], dtype=float)) for name in ("x", "y", *BOX)], axis=0)]


def cost_table(costs: Sequence[Mapping[str, Any]]) -> Table:
    """Seconds and memory of inference, CLEAN and fit of one image.

    Parameters
    ----------
    costs : sequence of mapping
        ``sky``, ``method``, ``stage``, ``seconds``, ``cpu_seconds``, ``memory_mb`` and ``note``, NaN where nothing was
        measured.

    Returns
    -------
    Table
        With ``over_tclean``, the seconds over those of the fastest CLEAN of the same sky.
    """
    rows = []
    for one in costs:
        cleaned = [float(each["seconds"]) for each in costs
                   if each["sky"] == one["sky"] and str(each["method"]).startswith("tclean")]  # fmt: skip
        fastest = min((seconds for seconds in cleaned if math.isfinite(seconds)), default=math.nan)
        rows.append({**one, "over_tclean": float(one["seconds"]) / fastest})
    table = Table(rows, meta={"label": "tab:resolve_times", "caption": "Time and memory of one image by each method."})
    meanings = {
        "seconds": ("s", "from start to end"),
        "cpu_seconds": ("s", "of the processor, of all threads"),
        "memory_mb": ("MB", "most that was resident"),
        "over_tclean": (None, "seconds over those of the faster tclean of the same sky"),
    }
    for name, (unit, meaning) in meanings.items():
        table[name].unit, table[name].info.description, table[name].info.format = unit, meaning, ".4g"
    return table
