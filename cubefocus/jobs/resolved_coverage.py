"""Figure of how far fluxes and peaks are from the truth in their stated errors, over the skies of the coverage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from astropy.table import vstack

from cubefocus.files import read_table
from cubefocus.report.figures.resolved_curves import resolved_coverage
from cubefocus.report.figures.style import save_figure


@dataclass(frozen=True)
class ResolvedCoverage:
    """Tables of `cubefocus.jobs.compare_resolved` of all skies, and the figure to write, without its suffix."""

    compared: Sequence[str]
    figure: str
    provenance: Mapping[str, Any] = field(default_factory=dict)


def run(job: ResolvedCoverage) -> None:
    """Draw it.

    Raises
    ------
    CubefocusError
        If a table cannot be read.
    """
    compared = vstack([*map(read_table, job.compared)], metadata_conflicts="silent")
    save_figure(resolved_coverage(compared), job.figure, job.provenance)
