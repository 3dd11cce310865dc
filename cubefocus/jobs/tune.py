"""Choose the parameters of a finder on the validation split, and the test cubes that it searches times -1 as well."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from cubefocus.files import read_table, write_table
from cubefocus.find.cubes import DrawnCubes, inverted_ids, searched
from cubefocus.find.own import SetUps, own_parameters
from cubefocus.find.registry import get_entry
from cubefocus.find.run import choose
from cubefocus.settings import EvaluationSettings
from cubefocus.timing import Clock


@dataclass(frozen=True)
class Tune:
    """A finder to tune.

    Attributes
    ----------
    method : str
    truth : str
        Truth table of all splits.
    validation : list of str
        What it searches of the validation split, all batches.
    evaluation : mapping
        Of the config section, what decides what matches.
    tuning_cubes, inverted_cubes : int
        How many validation cubes a slow finder is tuned on, and how many test cubes it searches times -1; drawn by the
        seed. The others take all.
    seed : int
    choice, scores, time : str
        Files to write: the choice, the score of every point of the grid, what it took.
    setups : SetUps, optional
        For a finder that is told the response of each cube.
    provenance : mapping
    """

    method: str
    truth: str
    validation: list[str]
    evaluation: Mapping[str, Any]
    tuning_cubes: int
    inverted_cubes: int
    seed: int
    choice: str
    scores: str
    time: str
    setups: SetUps | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)


def run(job: Tune) -> None:
    """Choose and write.

    Raises
    ------
    CubefocusError
        As `cubefocus.find.run.choose`, or if the products cannot be read.
    """
    entry, clock, truth = get_entry(job.method), Clock(), read_table(job.truth)
    images = searched(entry.kind, job.validation)
    own = None
    if entry.slow:
        images = drawn = DrawnCubes(images, job.tuning_cubes, job.seed)
        own = own_parameters(entry, drawn.images, truth, job.setups, drawn) or None
    settings = EvaluationSettings.from_mapping(job.evaluation)
    choice, scores = choose(entry, images, truth[truth["split"] == "validation"], settings, clock, own)
    write_table(job.scores, scores, job.provenance)
    clock.write(job.time)
    inverted = inverted_ids(truth, entry.slow, job.inverted_cubes, job.seed)
    replace(choice, inverted=inverted).write(job.choice)
