"""Table of the flux of a disc within some radii."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cubefocus.report.render import write_table
from cubefocus.report.tables.radii import radii_table
from cubefocus.resolve.compared import in_jy_per_arcsec2, read_plane
from cubefocus.resolve.posterior import Posterior


@dataclass(frozen=True)
class ResolvedRadii:
    """Posterior, images of CLEAN by weighting, the true sky where it is known, and the table without its suffix."""

    posterior: str
    tclean: Mapping[str, str]
    sky: str | None
    table: str
    provenance: Mapping[str, Any] = field(default_factory=dict)


def run(job: ResolvedRadii) -> None:
    """Write it.

    Raises
    ------
    CubefocusError
        If a file cannot be read.
    """
    tclean = {name: in_jy_per_arcsec2(path) for name, path in job.tclean.items()}
    sky = None if job.sky is None else read_plane(job.sky)
    write_table(radii_table(Posterior.load(job.posterior), tclean, sky), job.table, job.provenance)
