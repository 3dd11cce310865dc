"""Choose the significance that sources of the fit must have, on the validation split."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from astropy.table import Table, vstack

from cubefocus.files import atomic_path, read_table
from cubefocus.settings import EvaluationSettings
from cubefocus.tables.columns import column
from cubefocus.tables.matching import match

FALSE_PER_CUBE = 0.01  # false sources that the threshold lets through: one in 100 cubes
STEP = 0.01  # above the highest false one


@dataclass(frozen=True)
class Decide:
    """Catalogues of the validation split, with all that stood out, and the threshold to choose.

    Attributes
    ----------
    truth : str
        Truth table of all splits.
    fitted : list of str
        Catalogues of the fit, all batches.
    evaluation : mapping
        Of the config section, what decides what matches.
    lowest : float
        Significance from which on sources are in the catalogues: ``detection.fit.search`` of the config.
    choice : str
        File to write (JSON).
    provenance : mapping
    """

    truth: str
    fitted: list[str]
    evaluation: Mapping[str, Any]
    lowest: float
    choice: str
    provenance: Mapping[str, Any] = field(default_factory=dict)


def run(job: Decide) -> None:
    """Choose and write."""
    truth = read_table(job.truth)
    settings = EvaluationSettings.from_mapping(job.evaluation)
    fitted = vstack([read_table(path) for path in job.fitted], metadata_conflicts="silent")
    n_cubes = sum(cube["split"] == "validation" for cube in truth.meta["cubes"])
    chosen = choose(fitted, truth[truth["split"] == "validation"], n_cubes, settings, job.lowest)
    with atomic_path(job.choice) as temporary:
        temporary.write_text(json.dumps({**chosen, "provenance": dict(job.provenance)}, indent=1) + "\n")


def choose(fitted: Table, truth: Table, n_cubes: int, settings: EvaluationSettings, lowest: float) -> dict[str, Any]:
    """The lowest threshold at which at most one source in 100 cubes is none.

    What lies at no true source's place is false; whether boxes and lines agree is not asked. Fewer than 100 cubes do
    not show the highest false source of 100: as the number of peaks of noise falls as exp(-t^2 / 2), that is taken to
    be 2 ln(100 / n) higher in t^2.

    Parameters
    ----------
    fitted : Table
        Of validation cubes, with ``significance``.
    truth : Table
        Their true sources.
    n_cubes : int
    settings : EvaluationSettings
    lowest : float
        Significance above which all sources are there: the threshold where none of them is false.

    Returns
    -------
    dict
        ``keep``, the threshold; ``highest_false``, of those that it shuts out; how many were false and true.
    """
    matched = match(fitted, truth, **settings.criterion(with_box=False)).matched_pred
    significance = column(fitted, "significance")
    false = np.sort(significance[~matched])[::-1]
    allowed = int(FALSE_PER_CUBE * n_cubes)
    highest = float(false[allowed]) if len(false) > allowed else lowest
    unseen = 2.0 * math.log(max(1.0, 1.0 / (FALSE_PER_CUBE * max(n_cubes, 1))))
    keep = math.sqrt(highest**2 + unseen) + STEP
    counts = {"n_cubes": n_cubes, "n_true": int(matched.sum()), "n_false": int((~matched).sum())}
    return {"keep": keep, "highest_false": highest, **counts}
