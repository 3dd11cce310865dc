"""CLEAN of a Measurement Set, beside the image that is inferred from it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from astropy.table import Table

from cubefocus.engines.imaging import clean
from cubefocus.files import write_table
from cubefocus.settings.eso import CleanSettings
from cubefocus.timing import Clock

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class CleanVisibilities:
    """A Measurement Set to clean.

    Attributes
    ----------
    ms : str
    image, residual : str
        FITS images to write: corrected for the primary beam, and not.
    times : str
        Table to write, of one row. No two runs take the same time, so it lies apart from the images.
    weighting : str
        One of `cubefocus.specs.WEIGHTINGS`.
    settings : mapping
        Config section ``tclean``.
    size : int
        Side of the image in px.
    cell_arcsec : float
    windows : sequence of int
        Spectral windows; none for all of them.
    field_id : int
    log : str
        Receives all that CASA says.
    provenance : mapping
    """

    ms: str
    image: str
    residual: str
    times: str
    weighting: str
    settings: Mapping[str, Any]
    size: int
    cell_arcsec: float
    windows: Sequence[int]
    field_id: int
    log: str
    provenance: Mapping[str, Any] = field(default_factory=dict)


def run(job: CleanVisibilities) -> None:
    """Clean it.

    Raises
    ------
    CubefocusError
        If it cannot be used.
    CasaError
        If CASA fails.
    """
    settings, clock = CleanSettings.from_mapping(job.settings), Clock()
    with clock.stage("clean", 1):
        done = clean(
            job.ms,
            job.image,
            job.residual,
            **{name: getattr(job, name) for name in ("size", "cell_arcsec", "weighting", "windows", "field_id", "log")},
            **{name: getattr(settings, name) for name in ("robust", "niter", "threshold_mjy")},
            provenance=dict(job.provenance) | {"weighting": job.weighting},
        )
    (cost,) = clock.stages.values()
    row = {"method": f"tclean {job.weighting}", "components": done["components"], "seconds": cost.wall_s}
    row |= {"cpu_seconds": cost.cpu_s, "hardware": "; ".join(clock.machines)}
    write_table(job.times, Table([row]), job.provenance)
    logger.info("%s: %d components in %.0f s", job.weighting, done["components"], done["seconds"])
