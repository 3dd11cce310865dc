"""Join the catalogues of a list of cubes that were searched one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cubefocus.files import read_table, write_table
from cubefocus.jobs.collect import joined
from cubefocus.tables.published import write_catalogue


@dataclass(frozen=True)
class Join:
    """Catalogues to join.

    Attributes
    ----------
    found : sequence of str
        Folder of each cube, as `cubefocus.cli.search_files.search` leaves it.
    cubes : sequence of str
        The cubes, in the same order: their places in it become ``cube_id``.
    catalogue : str
        File to write, without a suffix.
    candidates : str
        File to write.
    provenance : mapping
    """

    found: Sequence[str]
    cubes: Sequence[str]
    catalogue: str
    candidates: str
    provenance: Mapping[str, Any] = field(default_factory=dict)


def run(job: Join) -> None:
    """Join both tables of each cube.

    Raises
    ------
    CubefocusError
        If a table cannot be read.
    """
    facts = {**job.provenance, "cubes": [*job.cubes]}
    whole = {}
    for name in ("catalogue", "candidates"):
        tables = [read_table(Path(folder) / f"{name}.ecsv") for folder in job.found]
        for number, table in enumerate(tables):
            table["cube_id"][:] = number
        whole[name] = joined(tables)
    write_catalogue(Path(job.catalogue), whole["catalogue"], facts)
    write_table(job.candidates, whole["candidates"], facts)
