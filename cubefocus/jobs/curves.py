"""Draw the training curves of all networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from astropy.table import Table

from cubefocus.report.figures.style import save_figure
from cubefocus.report.figures.training import training_curves


@dataclass(frozen=True)
class Curves:
    """The figure of the training curves.

    Attributes
    ----------
    curves : sequence of path
        ``<network>/<phase>.csv`` of all networks and phases.
    stem : path
        Of the files of the figure, without suffix.
    provenance : mapping
    """

    curves: Sequence[str | Path]
    stem: str | Path
    provenance: Mapping[str, Any]


def run(job: Curves) -> None:
    """Read the curves, draw and save them."""
    curves: dict[str, dict[str, Table]] = {}
    for path in map(Path, job.curves):
        curves.setdefault(path.parent.name, {})[path.stem] = Table.read(path, format="ascii.csv")
    save_figure(training_curves(curves), job.stem, job.provenance)
