"""Tables of the methods to denoise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from astropy.table import vstack

from cubefocus.denoise.scores import read_scores
from cubefocus.files import read_table
from cubefocus.report.render import write_table
from cubefocus.report.tables.denoised import by_snr_table, denoised_table, fields_table


@dataclass(frozen=True)
class DenoisedTable:
    """Scores of all batches and datasets, seams of all networks, and the folder of the tables."""

    scores: Sequence[str]
    seams: Sequence[str]
    tables: str
    provenance: Mapping[str, Any] = field(default_factory=dict)


def run(job: DenoisedTable) -> None:
    """Make the tables ``denoised``, ``denoised_fields``, ``denoised_completeness`` and ``denoised_purity``.

    Raises
    ------
    CubefocusError
        If a table cannot be read.
    """
    scores = read_scores(job.scores)
    seams = vstack([*map(read_table, job.seams)], metadata_conflicts="silent")
    made = {"denoised": denoised_table(scores, seams), "denoised_fields": fields_table(scores)}
    made |= {f"denoised_{what}": by_snr_table(scores, what) for what in ("completeness", "purity")}
    for name, table in made.items():
        write_table(table, Path(job.tables) / name, job.provenance)
