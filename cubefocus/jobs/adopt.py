"""Take the parameters of a finder that another experiment chose, for test cubes of one's own."""

from __future__ import annotations

from dataclasses import dataclass, replace

from cubefocus.files import read_table
from cubefocus.find.cubes import inverted_ids
from cubefocus.find.run import Choice
from cubefocus.specs import FINDERS


@dataclass(frozen=True)
class Adopt:
    """A choice to take.

    Attributes
    ----------
    method : str
    given : str
        File that the tuning of the finder wrote in the other experiment.
    truth : str
        Truth table of the own test cubes.
    inverted_cubes, seed : int
        How many of them a slow finder searches times -1, and the seed that draws these.
    choice : str
        File to write.
    """

    method: str
    given: str
    truth: str
    inverted_cubes: int
    seed: int
    choice: str


def run(job: Adopt) -> None:
    """Write the same parameters, with own test cubes to search times -1 in the place of the other experiment's.

    Raises
    ------
    CubefocusError
        If the choice or the truth table cannot be read.
    """
    slow = FINDERS[job.method].slow
    inverted = inverted_ids(read_table(job.truth), slow, job.inverted_cubes, job.seed)
    replace(Choice.read(job.given), inverted=inverted).write(job.choice)
