"""Table 4: what a cube took in each stage of the chain and with each of the other finders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cubefocus.report.render import write_table
from cubefocus.report.tables.times import times_table
from cubefocus.timing import Clock


@dataclass(frozen=True)
class Times:
    """The table of times.

    Attributes
    ----------
    chain : sequence of path
        Records of the chain, of all batches.
    finders : dict of finder to sequence of path
        Records of each other finder, and of what is made for it alone.
    stem : path
        Of the files of the table, without suffix.
    provenance : mapping
    """

    chain: Sequence[str | Path]
    finders: Mapping[str, Sequence[str | Path]]
    stem: str | Path
    provenance: Mapping[str, Any]


def run(job: Times) -> None:
    """Add up the records and write the table.

    Raises
    ------
    CubefocusError
        If a record is damaged.
    """
    finders = {name: Clock.joined(map(Clock.read, paths)) for name, paths in job.finders.items()}
    write_table(times_table(Clock.joined(map(Clock.read, job.chain)), finders), job.stem, job.provenance)
