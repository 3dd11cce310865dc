"""Join the tables of all batches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from astropy.table import Table, vstack

from cubefocus.files import read_table, write_table


@dataclass(frozen=True)
class Collect:
    """Tables to join: files to write, and for each those that it is joined of, in their order."""

    tables: Mapping[str, list[str]]
    provenance: Mapping[str, Any] = field(default_factory=dict)


def run(job: Collect) -> None:
    """Join each, with the ``cubes`` of all parts in its meta data if they have any."""
    for path, parts in job.tables.items():
        write_table(path, joined([read_table(part) for part in parts]), job.provenance)


def joined(tables: list[Table]) -> Table:
    """Rows of several tables, of which those that are empty decide no column; of the meta data ``cubes`` alone."""
    cubes = [cube for table in tables for cube in table.meta.get("cubes", [])]
    filled = [table for table in tables if len(table)] or tables[:1]
    for table in filled:
        table.meta.clear()
    whole = vstack(filled, join_type="outer")
    if cubes:
        whole.meta["cubes"] = cubes
    return whole
