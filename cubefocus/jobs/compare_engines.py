"""Push a hard sky through both engines for every observing set-up of an experiment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from cubefocus.alma.training_products import join_products, write_products
from cubefocus.engines.validation import Comparison, compare, comparison_table, hard_sky
from cubefocus.instrument.observation import Observation
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
    comparisons : list of str
        Files to write, one a set-up: what figures are drawn of.
    table : str
        Table to write, without its suffix.
    casa_log : str
        Kept if CASA fails.
    provenance : mapping
    """

    observation: Mapping[str, Any]
    responses: str
    seed: int
    comparisons: list[str]
    table: str
    casa_log: str
    provenance: Mapping[str, Any] = field(default_factory=dict)


def run(job: CompareEngines) -> None:
    """Compare and write."""
    comparisons = []
    for setup, path in zip(Observation.list_from_mapping(job.observation), job.comparisons, strict=True):
        log = Path(job.casa_log)
        one = compare(name_of(setup), hard_sky(setup), setup, job.responses, seed=job.seed, log=log)
        write_comparison(path, one, job.provenance)
        comparisons.append(one)
    write_table(comparison_table(comparisons), job.table, job.provenance)


def name_of(setup: Observation) -> str:
    """What tables and figures call a set-up."""
    return f"{setup.array}, {setup.centre.dec.deg:.0f} deg, hour angle {setup.hour_angle_h:g} h"


def write_comparison(path: str | Path, comparison: Comparison, provenance: Mapping[str, Any]) -> None:
    """Write what a comparison found as HDF5: its tables column by column, the planes, and the numbers.

    Without the times, which the same seed does not give again.
    """
    tables = {"channels": comparison.channels, "rings": comparison.rings}
    arrays = {f"{kind}/{name}": np.asarray(table[name]) for kind, table in tables.items() for name in table.colnames}
    arrays |= {f"planes/{name}": np.atleast_1d(plane) for name, plane in comparison.planes.items()}
    numbers = {name: value for name, value in comparison.numbers.items() if not name.endswith("_seconds")}
    arrays |= {f"numbers/{name}": np.array([value]) for name, value in numbers.items()}
    write_products(path, arrays, provenance)


def read_comparison(path: str | Path, setup: Observation) -> Comparison:
    """Read what `write_comparison` wrote of a set-up; columns have no units.

    Raises
    ------
    CubefocusError
        If the file is absent or damaged.
    """
    arrays = join_products([path])

    def of(kind: str) -> dict[str, np.ndarray]:
        return {name.partition("/")[2]: array for name, array in arrays.items() if name.startswith(f"{kind}/")}

    planes, numbers = of("planes"), {name: float(value[0]) for name, value in of("numbers").items()}
    planes["channel"] = planes["channel"][0]
    return Comparison(name_of(setup), setup, Table(of("channels")), Table(of("rings")), planes, numbers)
