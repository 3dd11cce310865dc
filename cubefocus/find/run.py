"""One finder of a run: its parameters from validation cubes, its detections in the test cubes."""

from __future__ import annotations

import numpy as np
from astropy.table import Table

from cubefocus.evaluate.settings import EvaluationSettings
from cubefocus.find.cubes import Images
from cubefocus.find.interface import find_all
from cubefocus.find.registry import Entry
from cubefocus.find.tune import SCORES, tune


def tune_and_find(
    entry: Entry, validation: Images, test: Images, true: Table, settings: EvaluationSettings
) -> tuple[Table, Table]:
    """Choose the parameters of a finder on validation cubes and search the test cubes once.

    Parameters
    ----------
    entry : Entry
    validation, test : mapping from cube id to ndarray
        Integrated images or cubes, as the finder wants them. One is held at a time if the mapping reads them.
    true : astropy.table.Table
        Truth of the validation split; of cubes that are not in `validation` it is left out.
    settings : EvaluationSettings

    Returns
    -------
    found, scores : astropy.table.Table
        Detections in the test cubes, with the chosen ``parameters`` in the meta, and the score of each point of the
        grid. Both are empty where the finder's package or program is not there; then ``note`` in the meta says so.

    Raises
    ------
    CubefocusError
        What `cubefocus.find.tune.tune` and the finder raise.
    """
    if entry.lacks:
        found = find_all(entry.find, [], {})
        found.meta["note"] = f"not run: {entry.lacks}"
        return found, Table(names=[*entry.grid, *SCORES])
    true = true[np.isin(np.asarray(true["cube_id"]), list(validation))]
    tuned = tune(entry.find, validation, true, entry.points, settings, with_line=entry.kind == "cube")
    found = find_all(entry.find, test.items(), tuned.parameters)
    found.meta["parameters"] = tuned.parameters
    return found, tuned.scores
