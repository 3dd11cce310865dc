"""Push a hard sky through both engines for every observing set-up of an experiment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cubefocus.engines.validation import compare, comparison_table, hard_sky
from cubefocus.instrument.observation import Observation
from cubefocus.report.figures.engines import engines_figure
from cubefocus.report.figures.style import save_figure
from cubefocus.report.render import write_table


@dataclass(frozen=True)
class CompareEngines:
    """Set-ups to compare.

    Attributes
    ----------
    observation : mapping
        Config section.
    responses : str
        Cache of their responses.
    seed : int
    figures : list of str
        Files to write, one a set-up, without their suffixes.
    table : str
        The same, for the table.
    casa_log : str
        Kept if CASA fails.
    provenance : mapping
    """

    observation: Mapping[str, Any]
    responses: str
    seed: int
    figures: list[str]
    table: str
    casa_log: str
    provenance: Mapping[str, Any] = field(default_factory=dict)


def run(job: CompareEngines) -> None:
    """Compare, draw and write."""
    comparisons = []
    for setup, figure in zip(Observation.list_from_mapping(job.observation), job.figures, strict=True):
        name = f"{setup.array}, {setup.centre.dec.deg:.0f} deg, hour angle {setup.hour_angle_h:g} h"
        log = Path(job.casa_log)
        one = compare(name, hard_sky(setup), setup, job.responses, seed=job.seed, log=log)
        save_figure(engines_figure(one), figure, job.provenance)
        comparisons.append(one)
    write_table(comparison_table(comparisons), job.table, job.provenance)
