"""Draw what was found in the test cubes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cubefocus.files import read_table
from cubefocus.find.cubes import clean_beams, cleaned_images
from cubefocus.instrument.observation import Observation
from cubefocus.instrument.response import primary_beam_of
from cubefocus.report.figures.registry import FIGURES
from cubefocus.report.figures.style import save_figure
from cubefocus.report.run import Run, RunFiles
from cubefocus.report.shown import Cleaned, Shown
from cubefocus.settings import BlobSettings, EvaluationSettings


@dataclass(frozen=True)
class CleanedFiles:
    """Cleaned cubes of the test split, and what their primary beams follow from.

    Attributes
    ----------
    folders : sequence of path
        Batches of cleaned cubes.
    responses : path
        Cache of responses.
    observations : list of Observation
        Set-ups that the cubes drew theirs from.
    """

    folders: Sequence[str | Path]
    responses: str | Path
    observations: list[Observation]

    def read(self, truth: str | Path) -> Cleaned:
        """Read the cleaned images; primary beams are read when they are asked for."""
        seeds = {cube["cube_id"]: cube["noise_seed"] for cube in read_table(truth).meta["cubes"]}
        return Cleaned(
            cleaned_images(self.folders),
            clean_beams(self.folders),
            lambda cube: primary_beam_of(self.responses, self.observations, seeds[cube]),
        )


@dataclass(frozen=True)
class Figures:
    """Figures of a run.

    Attributes
    ----------
    files : RunFiles
    scores : dict of finder to path
        How each finder was tuned.
    cleaned : CleanedFiles or None
        None if no finder searches cleaned cubes.
    names : sequence of str
        Of `cubefocus.report.figures.registry.FIGURES`.
    out_dir : Path
        Receives ``<name>.{png,pdf}``.
    settings : EvaluationSettings
    blobs : BlobSettings
        How the chain extracts boxes from a map.
    provenance : mapping
    """

    files: RunFiles
    scores: Mapping[str, str | Path]
    cleaned: CleanedFiles | None
    names: Sequence[str]
    out_dir: Path
    settings: EvaluationSettings
    blobs: BlobSettings
    provenance: Mapping[str, Any]


def run(job: Figures) -> None:
    """Draw and save the figures.

    Raises
    ------
    CubefocusError
        If a file cannot be read, or there is nothing to draw a figure of.
    """
    left = Run.read(job.files, job.settings, job.blobs)
    scores = {name: read_table(path) for name, path in job.scores.items()}
    cleaned = job.cleaned.read(job.files.truth) if job.cleaned else None
    shown = Shown.read(left, job.files.products, scores, cleaned)
    for name in job.names:
        save_figure(FIGURES[name](left, shown), job.out_dir / name, job.provenance)
