"""Read what an image is inferred from out of a Measurement Set."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cubefocus.engines.imaging import read_measurement_set
from cubefocus.resolve.stored import plain_facts

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ReadVisibilities:
    """A Measurement Set to read.

    Attributes
    ----------
    ms : str
    visibilities : str
        HDF5 file to write (`cubefocus.resolve.visibilities.Visibilities`).
    size : int
        Side of the image in px.
    cell_arcsec : float
    windows : sequence of int
        Spectral windows; none for all of them.
    field_id : int
    log : str
        Receives all that CASA says.
    provenance : mapping
        Its plain values are told with the visibilities.
    """

    ms: str
    visibilities: str
    size: int
    cell_arcsec: float
    windows: Sequence[int]
    field_id: int
    log: str
    provenance: Mapping[str, Any] = field(default_factory=dict)


def run(job: ReadVisibilities) -> None:
    """Read it.

    Raises
    ------
    CubefocusError
        If it is none, or has nothing that can be used.
    CasaError
        If CASA fails.
    """
    read = read_measurement_set(job.ms, job.size, job.cell_arcsec, job.windows, job.field_id, job.log)
    told = plain_facts(job.provenance)
    replace(read, facts={**read.facts, **told}).save(job.visibilities)
    for window, factor in zip(read.windows, read.facts["variance_factors"], strict=True):
        logger.info(
            "%.6g GHz: %d visibilities, their variance %.3g of 1 / weight as it was, %.3g mJy of noise in all",
            *(window.frequency_hz / 1e9, len(window.weights), factor, 1e3 / window.weights.sum() ** 0.5),
        )
