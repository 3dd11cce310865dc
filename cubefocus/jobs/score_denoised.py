"""Compare test images, denoised by each method, with their skies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from astropy.table import Table

from cubefocus.denoise.compared import Compared
from cubefocus.denoise.scores import CELL, score
from cubefocus.files import write_table


@dataclass(frozen=True)
class ScoreDenoised:
    """What is compared, and the table to write, a row for each image and method."""

    compared: Compared
    scores: str
    provenance: Mapping[str, Any] = field(default_factory=dict)


def run(job: ScoreDenoised) -> None:
    """Compare them one by one.

    Raises
    ------
    CubefocusError
        If an image cannot be read.
    """
    rows = [row for number in job.compared.batches for row in score(job.compared, number)]
    write_table(job.scores, Table(rows, meta={CELL: job.compared.cell_arcsec}), job.provenance)
