"""Denoise the images of a folder with a trained network."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from astropy.table import Table

from cubefocus.denoise.apply import denoise_image
from cubefocus.denoise.folder import image_path, numbers_in
from cubefocus.denoise.image import open_image
from cubefocus.denoise.network import Denoiser
from cubefocus.denoise.task import PROBABILITY
from cubefocus.files import make_folder, write_table
from cubefocus.networks import Residual
from cubefocus.timing import Clock

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Denoise:
    """What is denoised: a folder of images, by a checkpoint, into another folder.

    Beside ``<number>.fits`` there is ``<number>.probability.fits`` where the network has it.

    Attributes
    ----------
    model, observed, denoised : str
    times : str
        Table to write, a row for each image. No two runs take the same time, so it lies apart from the images.
    trained_on : str
        Dataset of the network.
    provenance : mapping
        Of the times.
    """

    model: str
    observed: str
    denoised: str
    times: str
    trained_on: str
    provenance: Mapping[str, Any] = field(default_factory=dict)


def run(job: Denoise) -> None:
    """Denoise them one by one.

    Raises
    ------
    CubefocusError
        If the network or an image cannot be read.
    """
    denoiser, folder = Denoiser.load(job.model), make_folder(job.denoised, "check where results are written")
    both, rows = isinstance(denoiser.model, Residual), []
    for number in numbers_in(job.observed):
        probability = image_path(folder, number, PROBABILITY) if both else None
        source, target = (image_path(place, number) for place in (Path(job.observed), folder))
        clock = Clock()
        with clock.stage("denoise", 1):
            denoise_image(denoiser, source, target, probability=probability)
        rows.append(_times(denoiser, open_image(source).shape, clock) | {"image": number, "trained_on": job.trained_on})
        logger.info("image %d denoised", number)
    write_table(job.times, Table(rows), job.provenance)


def _times(denoiser: Denoiser, shape: tuple[int, int], clock: Clock) -> dict[str, Any]:
    """What an image took, from file to file."""
    (cost,) = clock.stages.values()
    tiling = denoiser.tiling
    return {
        "method": denoiser.task.name,
        "pixels": shape[0] * shape[1],
        "tile": tiling.tile,
        "tiles": len(tiling.rows(shape)) * -(-shape[1] // tiling.keep),
        "threads": torch.get_num_threads() if denoiser.device.type == "cpu" else 1,
        "seconds": cost.wall_s,
        "cpu_seconds": cost.cpu_s,
        "hardware": "; ".join(clock.machines),
    }
