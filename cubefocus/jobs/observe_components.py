"""Observe a sky of the study ``eso`` with CASA."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cubefocus.engines.continuum import observe_continuum
from cubefocus.resolve.plane import read_plane
from cubefocus.settings.eso import ContinuumSettings

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ObserveComponents:
    """A sky to observe.

    Attributes
    ----------
    sky : str
        FITS image in Jy/arcsec^2.
    ms : str
        Measurement Set to leave, with thermal noise.
    observation : mapping
        Config section.
    spectral_index : float
        Of the whole sky.
    cell_arcsec : float
    seed, noise : int
        Of the config, and number of the noise, which decide the noise together.
    log : str
        Receives all that CASA says.
    """

    sky: str
    ms: str
    observation: Mapping[str, Any]
    spectral_index: float
    cell_arcsec: float
    seed: int
    noise: int
    log: str


def run(job: ObserveComponents) -> None:
    """Observe it, in all spectral windows.

    Raises
    ------
    CubefocusError
        If the sky or the array cannot be read.
    CasaError
        If CASA fails.
    """
    observe_continuum(
        read_plane(job.sky)[0],
        ContinuumSettings.from_mapping(job.observation),
        job.cell_arcsec,
        job.ms,
        spectral_index=job.spectral_index,
        seed=job.seed,
        number=job.noise,
        log=job.log,
    )
    logger.info("observed with noise %d of seed %d", job.noise, job.seed)
