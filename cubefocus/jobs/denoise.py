"""Denoise the images of a folder with a trained network."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from cubefocus.denoise.apply import denoise_image
from cubefocus.denoise.folder import image_path, numbers_in
from cubefocus.denoise.network import Denoiser
from cubefocus.denoise.task import PROBABILITY
from cubefocus.files import make_folder
from cubefocus.networks import Residual

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Denoise:
    """What is denoised: a folder of images, by a checkpoint, into another folder.

    Beside ``<number>.fits`` there is ``<number>.probability.fits`` where the network has it.
    """

    model: str
    observed: str
    denoised: str


def run(job: Denoise) -> None:
    """Denoise them one by one.

    Raises
    ------
    CubefocusError
        If the network or an image cannot be read.
    """
    denoiser, folder = Denoiser.load(job.model), make_folder(job.denoised, "check where results are written")
    both = isinstance(denoiser.model, Residual)
    for number in numbers_in(job.observed):
        probability = image_path(folder, number, PROBABILITY) if both else None
        source, target = (image_path(place, number) for place in (Path(job.observed), folder))
        denoise_image(denoiser, source, target, probability=probability)
        logger.info("image %d denoised", number)
