"""Join what a finder found in the batches of test cubes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from astropy.table import Table, vstack

from cubefocus.files import read_table, write_table
from cubefocus.find.run import shared
from cubefocus.timing import Clock

TABLES = ("catalogue", "inverted")


@dataclass(frozen=True)
class CollectFound:
    """Batches to join.

    Attributes
    ----------
    found : list of str
        Folders that `cubefocus.jobs.find` made, in the order of the cubes.
    tuning : str
        What the tuning took.
    catalogue, inverted, time : str
        Files to write.
    provenance : mapping
    """

    found: list[str]
    tuning: str
    catalogue: str
    inverted: str
    time: str
    provenance: Mapping[str, Any] = field(default_factory=dict)


def run(job: CollectFound) -> None:
    """Join the tables and the times."""
    catalogues, inverted = ([read_table(Path(one) / f"{name}.ecsv") for one in job.found] for name in TABLES)
    parameters = shared({number: table.meta.get("parameters", {}) for number, table in enumerate(catalogues)})
    note = catalogues[0].meta.get("note")  # of the tuning, so that all batches have it or none
    facts = {"note": note} if note else {"parameters": parameters}  # without the beams of several set-ups
    write_table(job.catalogue, _joined(catalogues, catalogues, facts), job.provenance)
    cubes = [cube for table in inverted for cube in table.meta["cubes"]]
    searched = [table for table in inverted if table.meta["cubes"]]
    write_table(job.inverted, _joined(inverted, searched, {"cubes": cubes}), job.provenance)
    records = [Path(job.tuning), *(Path(one) / "time.json" for one in job.found)]
    Clock.joined(map(Clock.read, records)).write(job.time)


def _joined(tables: list[Table], searched: list[Table], facts: Mapping[str, Any]) -> Table:
    """All rows; the columns are those of tables that have rows, or else of one that something was searched for."""
    filled = [table for table in tables if len(table)] or searched[:1] or tables[:1]
    for table in filled:
        table.meta.clear()
    whole = vstack(filled)
    whole.meta.update(facts)
    return whole
