"""Tables of the sweeps: architectures (GV22 Table A1), the best trainings of each dataset (B1 to B3), and times."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from astropy.table import Table, vstack

from cubefocus.denoise.sweep import DONE
from cubefocus.files import read_table
from cubefocus.report.published import SWEPT_ARCHITECTURES, SWEPT_BEST
from cubefocus.report.render import write_table
from cubefocus.specs import IDENTITY

ARCHITECTURE, TIMES = "sweep_architecture", "sweep_times"  # names of tables; the others have those of datasets
SHOWN = 10  # best trainings of a dataset, as the paper has them
MEASURES = (
    "On validation images, of the weights with the lowest validation loss so far. mse: mean squared error of the "
    "logarithm, in which the sky goes from 0 to 1; relative error: Gheller & Vazza (2022), Eq. 7, of pixels whose sky "
    "is above 1e-7 Jy/arcsec^2; discrepancy: Eq. A1, over the number of pixels."
)
PUBLISHED = (
    "The published figures are in code units that the paper does not define, and in counts: they rank the settings, "
    "and cannot be compared with ours by value."
)

TIMED = (
    "Seconds of the training of each trial up to a number of epochs, on one core or GPU, without what a killed process "
    "had done since the number before."
)


@dataclass(frozen=True)
class SweepTables:
    """What is put together.

    Attributes
    ----------
    sweeps, times : mapping of str to str
        Tables of `cubefocus.jobs.sweep`, by dataset.
    tables : mapping of str to str
        Tables to write, without suffix, by name.
    provenance : mapping
    """

    sweeps: Mapping[str, str]
    times: Mapping[str, str]
    tables: Mapping[str, str]
    provenance: Mapping[str, Any] = field(default_factory=dict)


def best_of(dataset: str) -> str:
    """Name of the table of the best trainings of a dataset."""
    return f"sweep_{dataset}"


def run(job: SweepTables) -> None:
    """Make the tables.

    Raises
    ------
    CubefocusError
        If a table cannot be read.
    """
    made = {TIMES: vstack([read_table(path) for path in job.times.values()], metadata_conflicts="silent")}
    for dataset, path in job.sweeps.items():
        sweep = read_table(path)
        made[best_of(dataset)] = best(sweep, dataset)
        if dataset == IDENTITY:
            made[ARCHITECTURE] = architectures(sweep)
    made[TIMES].meta = {"caption": TIMED}
    for name, stem in job.tables.items():
        write_table(made[name], stem, job.provenance)


def architectures(sweep: Table) -> Table:
    """Table A1: a row for each architecture, with the published figures; what failed has its status.

    Parameters
    ----------
    sweep : Table
        Of the identity.
    """
    rows = []
    for row in sweep[np.asarray(sweep["architecture"])]:
        published = SWEPT_ARCHITECTURES.get((int(row["levels"]), int(row["neurons"]), int(row["kernel"])))
        rows.append(
            {name: row[name] for name in ("levels", "neurons", "kernel", "epochs")}
            | {"parameters": _text(row["parameters"])}
            | {name: float(row[name]) for name in ("mse", "relative_error", "discrepancy")}
            | {"mse_published": published.mse if published else math.nan}
            | {"discrepancy_published": published.discrepancy if published else math.nan}
            | {"note": _note(row)}
        )
    table = Table(rows)
    table["discrepancy_published"].info.format = ".0f"
    table.meta["caption"] = f"Architectures on the identity. {MEASURES} {PUBLISHED}"
    return table


def best(sweep: Table, dataset: str) -> Table:
    """Tables B1 to B3: the best trainings, each beside the published one of the same rank, and all that failed.

    Parameters
    ----------
    sweep : Table
        Of the dataset.
    dataset : str
    """
    every = sweep[np.asarray(sweep["training"])]
    done = np.asarray(every["status"]) == DONE
    ranked = every[done][np.argsort(np.asarray(every[done]["mse"]), kind="stable")][:SHOWN]
    published = SWEPT_BEST.get(dataset, ())
    rows = [*_ranked(ranked, published), *({"rank": "", **_own(row), **_published(None)} for row in every[~done])]
    table = Table(rows)
    for name in ("learning_rate", "learning_rate_published"):
        table[name].info.format = "g"
    known = f" {PUBLISHED}" if published else ""
    table.meta["caption"] = (
        f"Trainings on the dataset {dataset}: the {len(ranked)} best of {int(done.sum())} that came to their end, and "
        f"{int((~done).sum())} that did not. {MEASURES}{known}"
    )
    return table


def _ranked(ranked: Table, published: Sequence[Any]) -> Iterator[dict[str, Any]]:
    for place in range(max(len(ranked), len(published))):
        if place < len(ranked):
            own = _own(ranked[place])
        else:
            own = {"epochs": "", "batch_size": "", "learning_rate": math.nan, "mse": math.nan}
            own |= {"relative_error": math.nan, "discrepancy": math.nan, "note": ""}
        yield {"rank": str(place + 1), **own, **_published(published[place] if place < len(published) else None)}


def _own(row: Any) -> dict[str, Any]:
    measures = {name: float(row[name]) for name in ("learning_rate", "mse", "relative_error", "discrepancy")}
    return {"epochs": str(row["epochs"]), "batch_size": str(row["batch_size"]), **measures, "note": _note(row)}


def _published(one: Any) -> dict[str, Any]:
    if one is None:
        return {"epochs_published": "", "batch_size_published": "", "learning_rate_published": math.nan,
                "mse_published": math.nan}  # fmt: skip
    return {"epochs_published": str(one.epochs), "batch_size_published": str(one.batch_size),
            "learning_rate_published": one.learning_rate, "mse_published": one.mse}  # fmt: skip


def _note(row: Any) -> str:
    """What is to be said of a row that has no figures."""
    return "" if row["status"] == DONE else f"{row['status']}: {row['reason']}"


def _text(value: Any) -> str:
    return "" if np.ma.is_masked(value) else str(value)
