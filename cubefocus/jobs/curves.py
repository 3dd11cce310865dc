"""Draw the training curves of all networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from astropy.table import Table

from cubefocus.report.figures.style import save_figure
from cubefocus.report.figures.training import training_curves


@dataclass(frozen=True)
class Curves:
    """Curves to draw: ``<network>/<training>.csv``, and the figure to write, without its suffix."""

    curves: list[str]
    figure: str
    provenance: Mapping[str, Any] = field(default_factory=dict)


def run(job: Curves) -> None:
    """Draw them."""
    curves: dict[str, dict[str, Table]] = {}
    for path in map(Path, job.curves):
        curves.setdefault(path.parent.name, {})[path.stem] = Table.read(path, format="ascii.csv")
    save_figure(training_curves(curves), job.figure, job.provenance)
