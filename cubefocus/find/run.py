"""One finder of a run: its parameters from validation cubes, its detections in the test cubes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from astropy.table import Table

from cubefocus.find.cubes import Images
from cubefocus.find.interface import find_all
from cubefocus.find.registry import Entry
from cubefocus.find.tune import SCORES, tune
from cubefocus.settings import EvaluationSettings
from cubefocus.timing import Clock


@dataclass(frozen=True)
class Outcome:
    """What a finder found, and how its parameters were chosen.

    Attributes
    ----------
    found : astropy.table.Table
        Detections in the test cubes, with the chosen ``parameters`` in the meta.
    inverted : astropy.table.Table
        Detections in test cubes times -1, whose ids are ``cubes`` in the meta.
    scores : astropy.table.Table
        The score of each point of the grid.
    clock : Clock
        What the stages ``tuning`` and ``search`` cost, on the validation and on the test cubes.
    """

    found: Table
    inverted: Table
    scores: Table
    clock: Clock


def tune_and_find(
    entry: Entry, validation: Images, test: Images, inverted: Images, true: Table, settings: EvaluationSettings
) -> Outcome:
    """Choose the parameters of a finder on validation cubes and search the test cubes once.

    Parameters
    ----------
    entry : Entry
    validation, test, inverted : mapping from cube id to ndarray
        Integrated images or cubes, as the finder wants them; the last ones of test cubes times -1. One is held at a
        time if the mapping reads them.
    true : astropy.table.Table
        Truth of the validation split; of cubes that are not in `validation` it is left out.
    settings : EvaluationSettings

    Returns
    -------
    Outcome
        All tables are empty where the finder's package or program is not there; ``note`` in the meta of ``found``, and
        that of the clock, then says so.

    Raises
    ------
    CubefocusError
        What `cubefocus.find.tune.tune` and the finder raise.
    """
    if entry.lacks:
        found, nothing, why = find_all(entry.find, [], {}), find_all(entry.find, [], {}), f"not run: {entry.lacks}"
        found.meta["note"], nothing.meta["cubes"] = why, []
        return Outcome(found, nothing, Table(names=[*entry.grid, *SCORES]), Clock(note=why))
    true = true[np.isin(np.asarray(true["cube_id"]), list(validation))]
    clock, points = Clock(), entry.points
    with clock.stage("tuning", len(validation), f"{len(points)} points of the grid"):
        tuned = tune(entry.find, validation, true, points, settings, with_line=entry.kind == "cube")
    with clock.stage("search", len(test)):
        found = find_all(entry.find, test.items(), tuned.parameters)
    found.meta["parameters"] = tuned.parameters
    negative = find_all(entry.find, inverted.items(), tuned.parameters)
    negative.meta["cubes"] = list(inverted)
    return Outcome(found, negative, tuned.scores, clock)
