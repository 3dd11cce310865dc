"""Table 4: what a cube costs in each stage of the chain and with each other finder, beside the published times."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from astropy.table import Table

from cubefocus.report import published
from cubefocus.report.methods import CHAIN
from cubefocus.report.published import THIS_RUN
from cubefocus.timing import Clock, Cost

TOTAL, SEARCH = "total", "search"
COLUMNS: dict[str, type] = {
    "method": str,
    "stage": str,
    "source": str,
    "n_cubes": float,
    "seconds_per_cube": float,
    "cpu_seconds_per_cube": float,
    "peak_memory_mb": float,
    "hardware": str,
    "note": str,
}
FORMATS = {"n_cubes": ".0f", "peak_memory_mb": ".0f"}
MEANING = {
    "loading": "networks, once a process; not in the total",
    "reading": "cubes from the disk",
    "blobs_finder": "sum over frequency, network, boxes",
    "deep_gru": "spectra of the boxes, network, lines",
    "focus": "false detections, blends, focused images",
    "morphology": "three ResNets, positions",
    "flux": "line images, ResNet, continuum",
    "catalogue": "tables",
    "fit": "all sources together through the dirty beam",
    "clean": "CLEAN by CASA",
    "map": "network of the finder",
    "tuning": "choice of the parameters on validation cubes; not in the total",
}
APART = ("loading", "tuning")  # what is done once, however many cubes are searched


def times_table(chain: Clock, finders: Mapping[str, Clock]) -> Table:
    """What a cube costs, by stage and method (table 4).

    Parameters
    ----------
    chain : Clock
        Of all test cubes, joined from what `cubefocus.jobs.detect.run` writes of each batch.
    finders : mapping of name to Clock
        As `cubefocus.jobs.collect_found.run` joins it, after the stages that prepare the test cubes for that finder
        alone (``clean``, ``map``). One without stages was not run, and its note says why.

    Returns
    -------
    astropy.table.Table
        The stages of the chain and its total, then those of each finder; the published times of a stage follow it, and
        those of other stages and methods come last. A method of one stage has no row for the total. Seconds of a stage
        that no cube went through are NaN.
    """
    rows = _rows(CHAIN, chain)
    for name, clock in finders.items():
        rows += _rows(name, clock)
    return _table(_beside_published(rows))


def _rows(method: str, clock: Clock) -> list[dict[str, Any]]:
    machine = "; ".join(clock.machines)
    rows = [_row(method, stage, cost, machine) for stage, cost in clock.stages.items()]
    parts = [row for row in rows if row["stage"] not in APART]
    if not parts:
        return [*rows, _empty(method, SEARCH) | {"source": THIS_RUN, "note": clock.note or "not measured"}]
    return rows if len(parts) == 1 else [*rows, _total(parts)]


def _row(method: str, stage: str, cost: Cost, machine: str) -> dict[str, Any]:
    per_cube = 1 / cost.cubes if cost.cubes else math.nan
    return _empty(method, stage) | {
        "source": THIS_RUN,
        "n_cubes": cost.cubes,
        "seconds_per_cube": cost.wall_s * per_cube,
        "cpu_seconds_per_cube": cost.cpu_s * per_cube,
        "peak_memory_mb": cost.peak_mb,
        "hardware": machine,
        "note": "; ".join(filter(None, (MEANING.get(stage, ""), cost.note))),
    }


def _total(parts: list[dict[str, Any]]) -> dict[str, Any]:
    sums = {name: sum(row[name] for row in parts) for name in ("seconds_per_cube", "cpu_seconds_per_cube")}
    peak = max(row["peak_memory_mb"] for row in parts)
    return parts[-1] | sums | {"stage": TOTAL, "peak_memory_mb": peak, "note": ""}


def _empty(method: str, stage: str) -> dict[str, Any]:
    """A row without figures."""
    nothing = {str: "", float: math.nan}
    return {name: nothing[kind] for name, kind in COLUMNS.items()} | {"method": method, "stage": stage}


def _published_row(figures: published.Time) -> dict[str, Any]:
    return _empty(figures.method, figures.stage) | {
        "source": figures.source,
        "n_cubes": published.N_TEST_CUBES,
        "seconds_per_cube": figures.seconds,
        "hardware": figures.hardware,
        "note": figures.note,
    }


def _beside_published(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    ours = {(row["method"], row["stage"]) for row in rows}
    ordered = []
    for row in rows:
        place = (row["method"], row["stage"])
        ordered += [row, *(_published_row(p) for p in published.TIMES if (p.method, p.stage) == place)]
    return ordered + [_published_row(p) for p in published.TIMES if (p.method, p.stage) not in ours]


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table({name: [row[name] for row in rows] for name in COLUMNS}, dtype=list(COLUMNS.values()))
    for name, kind in COLUMNS.items():
        if kind is float:
            table[name].info.format = FORMATS.get(name, ".3g")
    table.meta["caption"] = (
        "What a cube costs. Seconds are those that pass and those of the processor, of all its cores; where several "
        "processes share the cubes, they pass in each of them. Peak memory is that of the largest process, with all "
        "that it holds at that time. Finders of images get them summed over frequency, and those of cubes read them "
        "while they search."
    )
    table.meta["label"] = "tab:times"
    return table
