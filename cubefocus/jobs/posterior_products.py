"""Products of a posterior, and the catalogue of its sources."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cubefocus.resolve.posterior import Posterior
from cubefocus.resolve.products import write_all
from cubefocus.resolve.visibilities import Visibilities

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PosteriorProducts:
    """What is made of a posterior.

    Attributes
    ----------
    visibilities : str
        File of the visibilities that it was inferred from.
    posterior : str
        File of the posterior.
    products : str
        Folder to write: see `cubefocus.resolve.products.write_all`.
    provenance : mapping
    """

    visibilities: str
    posterior: str
    products: str
    provenance: Mapping[str, Any] = field(default_factory=dict)


def run(job: PosteriorProducts) -> None:
    """Write all of them, or none.

    Raises
    ------
    CubefocusError
        If a file cannot be read, or the folder cannot be written into.
    """
    visibilities, posterior = Visibilities.load(job.visibilities), Posterior.load(job.posterior)
    sources = write_all(Path(job.products), visibilities, posterior, job.provenance)
    logger.info("%d sources, %d samples; %s", len(sources), len(posterior.samples), posterior.facts["verdict"])
