"""Fit the components of a sky to its visibilities, through the response."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cubefocus.files import read_table, write_table
from cubefocus.resolve.fitted import as_table, fit_components
from cubefocus.resolve.visibilities import Visibilities

STARTS = "the true values: this is what a fit can tell at best, and no blind measurement"


@dataclass(frozen=True)
class FitComponents:
    """Visibilities, the true components that the fit begins at, and the table to write."""

    visibilities: str
    truth: str
    fitted: str
    provenance: Mapping[str, Any] = field(default_factory=dict)


def run(job: FitComponents) -> None:
    """Fit them together.

    Raises
    ------
    CubefocusError
        If a file cannot be read, or the visibilities do not constrain the components.
    """
    visibilities, truth = Visibilities.load(job.visibilities), read_table(job.truth)
    fit = fit_components(visibilities, truth)
    table = as_table(fit, visibilities.header, np.asarray(truth["component"]))
    table.meta["starts"] = STARTS
    write_table(job.fitted, table, job.provenance)
