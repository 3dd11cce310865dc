"""Table 4: what a cube took in each stage of the chain and with each of the other finders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cubefocus.report.render import write_table
from cubefocus.report.tables.times import times_table
from cubefocus.timing import Clock


@dataclass(frozen=True)
class Times:
    """Records to add up: files of the chain, of each finder, and the table to write, without its suffix."""

    chain: list[str]
    finders: Mapping[str, list[str]]
    table: str
    provenance: Mapping[str, Any] = field(default_factory=dict)


def run(job: Times) -> None:
    """Add up and write."""
    table = times_table(_took(job.chain), {name: _took(paths) for name, paths in job.finders.items()})
    write_table(table, job.table, job.provenance)


def _took(paths: list[str]) -> Clock:
    return Clock.joined(map(Clock.read, paths))
