"""Score what was found in the test cubes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cubefocus.report.render import write_table
from cubefocus.report.run import Run, RunFiles
from cubefocus.report.tables.registry import TABLES
from cubefocus.settings import BlobSettings, EvaluationSettings


@dataclass(frozen=True)
class Tables:
    """Tables of a run.

    Attributes
    ----------
    files : RunFiles
    names : sequence of str
        Of `cubefocus.report.tables.registry.TABLES`.
    out_dir : Path
        Receives ``<name>.{csv,md,tex}``.
    settings : EvaluationSettings
    blobs : BlobSettings
        How the chain extracts boxes from a map.
    image_size : int
        Side of what the networks see, pixels.
    seed : int
        Of the bootstrap.
    provenance : mapping
    """

    files: RunFiles
    names: Sequence[str]
    out_dir: Path
    settings: EvaluationSettings
    blobs: BlobSettings
    image_size: int
    seed: int
    provenance: Mapping[str, Any]


def run(job: Tables) -> None:
    """Make and write the tables.

    Raises
    ------
    CubefocusError
        If a file cannot be read.
    """
    left = Run.read(job.files, job.settings, job.blobs)
    for name in job.names:
        write_table(TABLES[name](left, job.seed, job.image_size), job.out_dir / name, job.provenance)
