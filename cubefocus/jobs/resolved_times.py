"""Table of what inference, CLEAN and fit took."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cubefocus.files import read_table
from cubefocus.jobs.compare_resolved import MAIN
from cubefocus.report.render import write_table
from cubefocus.report.tables.continuum import METHODS, cost_table
from cubefocus.resolve.detected import FIT, RESOLVE

WHOLE = "from start to end of the job"


@dataclass(frozen=True)
class ResolvedTimes:
    """Times of rounds and of CLEAN, and the workflow's own measurements.

    Attributes
    ----------
    resolve : mapping of str to str
        Table of what each round took, by sky: of all rounds, also of an inference that was cut off and went on.
    tclean : mapping of str to sequence of str
        Tables of times by sky, one each weighting.
    measured : mapping of str to mapping of str to str
        By method (``resolve``, ``fit``, ``tclean natural`` ...) and sky: the file of Snakemake's benchmark, which need
        not be there. The memory, and the times of the fit, are those.
    table : str
        To write, without suffix.
    provenance : mapping
    """

    resolve: Mapping[str, str]
    tclean: Mapping[str, Sequence[str]]
    measured: Mapping[str, Mapping[str, str]]
    table: str
    provenance: Mapping[str, Any] = field(default_factory=dict)


def run(job: ResolvedTimes) -> None:
    """Write it: a row for each method on the main sky, and one with the medians over the skies of the coverage.

    Raises
    ------
    CubefocusError
        If a table cannot be read.
    """
    rows = [one for sky, path in job.resolve.items() for one in _of_sky(job, sky, path)]
    write_table(cost_table(_by_group(rows)), job.table, job.provenance)


def _of_sky(job: ResolvedTimes, sky: str, resolve: str) -> list[dict[str, Any]]:
    """What each method took for a sky."""
    rounds = read_table(resolve)
    rows = [
        {"method": METHODS[RESOLVE], "seconds": float(np.sum(rounds["seconds"])),
         "cpu_seconds": float(np.sum(rounds["cpu_seconds"])), "memory_mb": _benchmark(job, RESOLVE, sky)["max_rss"],
         "note": f"{len(rounds)} rounds"}
    ]  # fmt: skip
    for path in job.tclean[sky]:
        (one,) = read_table(path)
        method, note = str(one["method"]), f"{int(one['components'])} components"
        rows.append({"method": method, "seconds": float(one["seconds"]), "cpu_seconds": float(one["cpu_seconds"]),
                     "memory_mb": _benchmark(job, method, sky)["max_rss"], "note": note})  # fmt: skip
    if sky in job.measured.get(FIT, {}):
        rows.append(_whole_job(METHODS[FIT], _benchmark(job, FIT, sky), WHOLE))
    return [{"sky": "main" if sky == MAIN else "coverage", **row} for row in rows]


def _whole_job(method: str, told: Mapping[str, float], note: str) -> dict[str, Any]:
    """Row of a method that a job of its own runs."""
    return {"method": method, "seconds": told["s"], "cpu_seconds": told["cpu_time"], "memory_mb": told["max_rss"],
            "note": note}  # fmt: skip


def _benchmark(job: ResolvedTimes, method: str, sky: str) -> dict[str, float]:
    """What Snakemake measured of a job; NaN where it did not, as for one that it did not run itself."""
    told = dict.fromkeys(("s", "max_rss", "cpu_time"), math.nan)
    path = Path(job.measured.get(method, {}).get(sky, ""))
    if path.is_file():
        with path.open() as file:
            (row, *_) = csv.DictReader(file, delimiter="\t")
        told |= {name: float(row[name]) for name in told if row.get(name, "").replace(".", "", 1).isdigit()}
    return told


def _by_group(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Medians over the skies of each group and method, in the order in which they come."""
    grouped: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        grouped.setdefault((row["sky"], row["method"]), []).append(row)
    made = []
    for (sky, method), some in grouped.items():
        numbers = {
            name: float(np.median([row[name] for row in some])) for name in ("seconds", "cpu_seconds", "memory_mb")
        }
        note = some[0]["note"] if len(some) == 1 else f"median of {len(some)} skies"
        made.append({"sky": sky, "method": method, "images": len(some), **numbers, "note": note})
    return made
