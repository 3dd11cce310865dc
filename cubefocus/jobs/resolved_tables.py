"""Tables of the Bayesian imaging: the components of the main sky, coverage, detections, hyper-parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from astropy.table import Table, vstack

from cubefocus.files import read_table
from cubefocus.jobs.compare_resolved import MAIN
from cubefocus.report.render import write_table
from cubefocus.report.tables.continuum import continuum_table
from cubefocus.report.tables.resolved import coverage_table, fluxes_table, hyperparameters_table, peaks_table
from cubefocus.resolve.posterior import Posterior


@dataclass(frozen=True)
class ResolvedTables:
    """What the tables are made of.

    Attributes
    ----------
    posterior : str
        Of the main sky.
    compared, detected : sequence of str
        Of all skies of which the truth is known.
    prior : mapping of str to sequence of float
        Mean and standard deviation of the parameters.
    tables : sequence of str
        Files to write, without their suffix; the name of each says what it holds.
    seed : int
        Of the bootstrap.
    provenance : mapping
    """

    posterior: str
    compared: Sequence[str]
    detected: Sequence[str]
    prior: Mapping[str, Any]
    tables: Sequence[str]
    seed: int
    provenance: Mapping[str, Any] = field(default_factory=dict)


def run(job: ResolvedTables) -> None:
    """Make them.

    Raises
    ------
    CubefocusError
        If a file cannot be read.
    """
    made: dict[str, Callable[[], Table]] = {
        "peaks": lambda: peaks_table(_compared(job, True)),
        "fluxes": lambda: fluxes_table(_compared(job, True)),
        "coverage": lambda: coverage_table(_compared(job, False)),
        "continuum_detection": lambda: _detection(job),
        "hyperparameters": lambda: _hyperparameters(job),
    }
    for path in map(Path, job.tables):
        write_table(made[path.name](), path, job.provenance)


def _compared(job: ResolvedTables, main: bool) -> Table:
    """Components of the main sky, or of all others."""
    return _joined([path for path in job.compared if (Path(path).stem == MAIN) is main])


def _joined(paths: Sequence[str]) -> Table:
    return vstack([*map(read_table, paths)], metadata_conflicts="silent")


def _detection(job: ResolvedTables) -> Table:
    notes = {name: why for path in job.detected for name, why in read_table(path).meta.get("notes", {}).items()}
    return continuum_table(_joined(job.detected), notes, job.seed)


def _hyperparameters(job: ResolvedTables) -> Table:
    spreads = {name: value for name, value in job.prior.items() if isinstance(value, list | tuple)}
    return hyperparameters_table(Posterior.load(job.posterior).parameters, spreads)
