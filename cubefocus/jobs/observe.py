"""Observe skies: with noise, or by LOFAR, imaged without and with CLEAN."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cubefocus.denoise.folder import image_path, numbers_in, read_image
from cubefocus.denoise.images import Imaging, dirty_image, imaging_of, noise_image
from cubefocus.denoise.lofar import dutch_stations, track
from cubefocus.denoise.skyfits import write_sky
from cubefocus.denoise.wsclean import Clean, clean_images, program
from cubefocus.files import make_folder
from cubefocus.jobs.skies import seed_of
from cubefocus.settings import LofarSettings
from cubefocus.specs import DATASETS

RIGHT_ASCENSION = 180.0  # deg; only hour angles matter

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Observe:
    """A batch of skies to observe.

    Attributes
    ----------
    dataset : str
        One of `cubefocus.specs.DATASETS`, but for the identity.
    skies, observed : str
        Folder of the skies, and folder to write.
    cell_arcsec : float
    observation : mapping
        Config section.
    seed : int
    provenance : mapping
    """

    dataset: str
    skies: str
    observed: str
    cell_arcsec: float
    observation: Mapping[str, Any]
    seed: int
    provenance: Mapping[str, Any] = field(default_factory=dict)


def run(job: Observe) -> None:
    """Observe them one by one; the noise of each has a seed of its own.

    Raises
    ------
    CubefocusError
        If a sky cannot be read, or a program or package is missing.
    """
    settings = LofarSettings.from_mapping(job.observation)
    folder = make_folder(job.observed, "check where results are written")
    observe: Callable[[np.ndarray, int], np.ndarray] | None = None
    for number in numbers_in(job.skies):
        sky, seed = read_image(image_path(job.skies, number)), seed_of(job.seed, number, DATASETS.index(job.dataset))
        observe = observe or observer(job.dataset, settings, len(sky), job.cell_arcsec)
        facts = dict(job.provenance) | {"image": number, "dataset": job.dataset, "noise_seed": seed}
        write_sky(image_path(folder, number), observe(sky, seed), job.cell_arcsec, facts)
        logger.info("image %d observed", number)


def observer(
    dataset: str, settings: LofarSettings, size: int, cell_arcsec: float
) -> Callable[[np.ndarray, int], np.ndarray]:
    """What makes an image of a dataset of a sky (y, x) in Jy/arcsec^2 and a seed.

    Raises
    ------
    CubefocusError
        If a program or package that it needs is missing.
    """
    rms = 1e-3 * settings.noise_mjy
    if dataset == "noise":
        return lambda sky, seed: noise_image(sky, seed, rms, settings.beam_arcsec)
    if dataset == "clean":
        program()  # before anything is computed that would be of no use without it
    imaging = imaging_by(settings, size, cell_arcsec)
    if dataset == "dirty":
        return lambda sky, seed: dirty_image(sky, imaging, seed, rms)
    options = Clean(beam_arcsec=settings.beam_arcsec)
    return lambda sky, seed: clean_images(sky, imaging, seed, rms, options).clean


def imaging_by(settings: LofarSettings, size: int, cell_arcsec: float) -> Imaging:
    """Tracks, weights and beams of the observation, for images of a size."""
    tracks = track(
        dutch_stations(),
        (RIGHT_ASCENSION, settings.declination_deg),
        settings.hours,
        -0.5 * settings.hours,
        settings.integration_s,
        1e6 * settings.frequency_mhz,
    )
    return imaging_of(tracks, size, cell_arcsec, settings.robust)
