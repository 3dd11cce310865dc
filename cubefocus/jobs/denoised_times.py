"""Table of the time that networks take to denoise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from astropy.table import vstack

from cubefocus.files import read_table
from cubefocus.report.render import write_table
from cubefocus.report.tables.denoised import times_table


@dataclass(frozen=True)
class DenoisedTimes:
    """Times of all batches, and the table to write, without its suffix."""

    times: Sequence[str]
    table: str
    provenance: Mapping[str, Any] = field(default_factory=dict)


def run(job: DenoisedTimes) -> None:
    """Add up and write.

    Raises
    ------
    CubefocusError
        If a table cannot be read.
    """
    times = vstack([*map(read_table, job.times)], metadata_conflicts="silent")
    write_table(times_table(times), job.table, job.provenance)
