"""Draw how far the engine fft is from CASA, for every observing set-up of an experiment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cubefocus.instrument.observation import Observation
from cubefocus.jobs.compare_engines import read_comparison
from cubefocus.report.figures.engines import engines_figure
from cubefocus.report.figures.style import save_figure


@dataclass(frozen=True)
class DrawEngines:
    """Comparisons to draw: config section ``observation``, files, and figures to write, without their suffixes."""

    observation: Mapping[str, Any]
    comparisons: list[str]
    figures: list[str]
    provenance: Mapping[str, Any] = field(default_factory=dict)


def run(job: DrawEngines) -> None:
    """Draw each."""
    setups = Observation.list_from_mapping(job.observation)
    for setup, path, figure in zip(setups, job.comparisons, job.figures, strict=True):
        save_figure(engines_figure(read_comparison(path, setup)), figure, job.provenance)
