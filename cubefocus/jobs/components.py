"""Make a sky of the study ``eso``, and the table of what is true of it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cubefocus.cube.writing import write_cube
from cubefocus.denoise.skyfits import sky_header
from cubefocus.engines.continuum import window_observation
from cubefocus.files import write_table
from cubefocus.instrument.observation import in_j2000
from cubefocus.resolve.components import drawn_components
from cubefocus.settings.eso import ComponentsSettings, ContinuumSettings, CoverageSettings
from cubefocus.specs import COMPONENT_SKIES, load

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Components:
    """A sky to make.

    Attributes
    ----------
    sky, truth : str
        FITS image in Jy/arcsec^2, and table, to write.
    settings : mapping
        Config section ``sky``; of a random sky its components are not looked at.
    coverage : mapping
        Config section, for a random sky; empty for that of the config.
    direction : str
        Of the phase centre, as in the config.
    size : int
        Side in px.
    cell_arcsec : float
    seed, number : int
        Of the config and, for a random sky, of the sky.
    provenance : mapping
    """

    sky: str
    truth: str
    settings: Mapping[str, Any]
    coverage: Mapping[str, Any]
    direction: str
    size: int
    cell_arcsec: float
    seed: int
    number: int
    provenance: Mapping[str, Any] = field(default_factory=dict)


def run(job: Components) -> None:
    """Make it.

    Raises
    ------
    CubefocusError
        If a component has no place in the image.
    """
    settings = ComponentsSettings.from_mapping(job.settings)
    kind, components = settings.kind, settings.components
    if job.coverage:
        drawn = CoverageSettings.from_mapping(job.coverage)
        kind, components = "components", drawn_components(drawn, job.cell_arcsec, job.seed, job.number)
    observation = window_observation(ContinuumSettings(direction=job.direction), 0, job.size, job.cell_arcsec)
    centre = in_j2000(observation).centre
    header = sky_header((job.size, job.size), job.cell_arcsec, (centre.ra.deg, centre.dec.deg), "FK5")
    image, truth = load(COMPONENT_SKIES[kind])(components, header)
    facts = dict(job.provenance) | {"sky": kind, "number": job.number}
    write_cube(job.sky, image, header, facts)
    write_table(job.truth, truth, facts)
    logger.info("%d components of %.4g Jy in all", len(truth), image.sum() * job.cell_arcsec**2)
