"""Draw what each method makes of flux densities and shapes, and what it sees, against what is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cubefocus.denoise.scores import read_scores
from cubefocus.report.figures.denoised_curves import correlations, histograms, seen
from cubefocus.report.figures.style import save_figure


@dataclass(frozen=True)
class DenoisedCurves:
    """Scores of all batches and datasets, and the folder of the figures."""

    scores: Sequence[str]
    figures: str
    provenance: Mapping[str, Any] = field(default_factory=dict)


def run(job: DenoisedCurves) -> None:
    """Draw ``denoised_histograms``, ``denoised_correlations`` and ``denoised_snr``.

    Raises
    ------
    CubefocusError
        If a table cannot be read.
    """
    scores = read_scores(job.scores)
    drawn = {"histograms": histograms, "correlations": correlations, "snr": seen}
    for name, draw in drawn.items():
        save_figure(draw(scores), Path(job.figures) / f"denoised_{name}", job.provenance)
