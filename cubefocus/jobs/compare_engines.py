"""Push a hard sky through both engines for every observing set-up of the experiment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cubefocus.engines.validation import compare, comparison_table, hard_sky
from cubefocus.instrument.observation import Observation
from cubefocus.report.figures.engines import engines_figure
from cubefocus.report.figures.style import save_figure
from cubefocus.report.render import write_table


@dataclass(frozen=True)
class CompareEngines:
    """Comparison of the engines.

    Attributes
    ----------
    observations : list of Observation
        The set-ups.
    responses : path
        Cache of their responses.
    seed : int
        Of the noise.
    figures : sequence of path
        Stem of the figure of each set-up, without suffix.
    table : path
        Stem of the table.
    log : path
        Of CASA.
    provenance : mapping
    """

    observations: list[Observation]
    responses: str | Path
    seed: int
    figures: Sequence[str | Path]
    table: str | Path
    log: Path
    provenance: Mapping[str, Any]


def run(job: CompareEngines) -> None:
    """Compare, draw and write.

    Raises
    ------
    CubefocusError
        If there is no response of a set-up, or CASA fails.
    """
    comparisons = []
    for setup, stem in zip(job.observations, job.figures, strict=True):
        name = f"{setup.array}, {setup.centre.dec.deg:.0f} deg, hour angle {setup.hour_angle_h:g} h"
        one = compare(name, hard_sky(setup), setup, job.responses, seed=job.seed, log=job.log)
        save_figure(engines_figure(one), stem, job.provenance)
        comparisons.append(one)
    write_table(comparison_table(comparisons), job.table, job.provenance)
