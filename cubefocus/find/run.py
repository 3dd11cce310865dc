"""One finder of a run: its parameters from validation cubes, and its detections in test cubes, cube by cube."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from cubefocus.errors import CubefocusError
from cubefocus.files import atomic_path, write_table
from cubefocus.find.cubes import Images
from cubefocus.find.interface import find_all
from cubefocus.find.registry import Entry
from cubefocus.find.tune import SCORES, tune
from cubefocus.settings import EvaluationSettings
from cubefocus.timing import Clock

BEAM, RESPONSE = "beam_area", "response"
Own = Mapping[int, Mapping[str, Any]]
NOT_RUN = "not run: "  # how the note of a finder begins that is not installed


@dataclass(frozen=True)
class Choice:
    """How a finder searches the test cubes.

    Attributes
    ----------
    parameters : dict
        The chosen ones, without those that each cube has of its own.
    inverted : list of int
        Test cubes that are searched times -1 as well.
    note : str
        Why it cannot be run; empty if it can.
    """

    parameters: dict[str, Any] = field(default_factory=dict)
    inverted: list[int] = field(default_factory=list)
    note: str = ""

    def write(self, path: str | Path) -> None:
        """Write it as JSON."""
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def read(cls, path: str | Path) -> Choice:
        """Read what `write` wrote.

        Raises
        ------
        CubefocusError
            If the file is absent, truncated or damaged.
        """
        if not Path(path).is_file():
            raise CubefocusError(f"{path}: no such file; run the rule that makes it")
        try:
            return cls(**json.loads(Path(path).read_text()))
        except (ValueError, TypeError) as error:
            raise CubefocusError(f"{path}: truncated or damaged ({error}); remove it and run again") from error


def choose(
    entry: Entry, validation: Images, true: Table, settings: EvaluationSettings, clock: Clock, own: Own | None = None
) -> tuple[Choice, Table]:
    """Choose the parameters of a finder on validation cubes.

    Parameters
    ----------
    entry : Entry
    validation : mapping from cube id to ndarray
        Integrated images or cubes, as the finder wants them. One is held at a time if the mapping reads them.
    true : astropy.table.Table
        Truth of the validation split; of cubes that are not in `validation` it is left out.
    settings : EvaluationSettings
    clock : Clock
        Measures the stage ``tuning``.
    own : mapping from cube id to mapping, optional
        Parameters that each cube has of its own. Where all have the same, they stand among the scores.

    Returns
    -------
    choice : Choice
        Without parameters where the finder's package or program is not there.
    scores : astropy.table.Table
        The score of each point of the grid; of no point where it cannot be run.

    Raises
    ------
    CubefocusError
        What `cubefocus.find.tune.tune` and the finder raise.
    """
    common = shared(own or {})
    entry = replace(entry, grid={**entry.grid, **{name: (value,) for name, value in common.items()}})
    if entry.lacks:
        clock.note = f"{NOT_RUN}{entry.lacks}"
        return Choice(note=clock.note), Table(names=[*entry.grid, *SCORES])
    true, points = true[np.isin(np.asarray(true["cube_id"]), list(validation))], entry.points
    with clock.stage("tuning", len(validation), f"{len(points)} points of the grid"):
        tuned = tune(entry.find, validation, true, points, settings, with_line=entry.kind == "cube", own=own)
    return Choice({name: value for name, value in tuned.parameters.items() if name not in common}), tuned.scores


def shared(own: Own) -> dict[str, Any]:
    """Parameters of their own that all cubes have with the same value; where a response lies says nothing."""
    first, *others = [dict(values) for values in own.values()] or [{}]
    told = {name: value for name, value in first.items() if name != RESPONSE}
    return {name: value for name, value in told.items() if all(other.get(name) == value for other in others)}


def search(
    entry: Entry,
    images: Images,
    choice: Choice,
    folder: Path,
    own: Own | None = None,
    negative: Images | None = None,
    skip: Collection[int] = (),
) -> None:
    """Search test cubes, and some of them times -1; write what is found in each, and what that took.

    Parameters
    ----------
    entry : Entry
    images : mapping from cube id to ndarray
        What the finder searches. One is held at a time if the mapping reads them.
    choice : Choice
    folder : Path
        Receives ``<cube_id>.{found,inverted}.ecsv`` and then ``<cube_id>.time.json``.
    own : mapping from cube id to mapping, optional
        Parameters that each cube has of its own.
    negative : mapping from cube id to ndarray, optional
        What it searches of cubes times -1; without it, the images times -1.
    skip : collection of int
        Cubes that have been searched.
    """
    for cube in (cube for cube in images if cube not in skip):
        parameters, clock = {**choice.parameters, **(own or {}).get(cube, {})}, Clock()
        with clock.stage("search", 1):
            image = images[cube]
            found = find_all(entry.find, [(cube, image)], parameters)
        write_table(folder / f"{cube:06d}.found.ecsv", found, {})
        if cube in choice.inverted:
            image = -image if negative is None else negative[cube]
            write_table(folder / f"{cube:06d}.inverted.ecsv", find_all(entry.find, [(cube, image)], parameters), {})
        clock.write(folder / f"{cube:06d}.time.json")
