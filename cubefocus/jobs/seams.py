"""Measure the seams that the tiles of a network leave in the brightest image of a folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from astropy.table import Table

from cubefocus.denoise.folder import image_path, read_image, read_images
from cubefocus.denoise.methods import noise_of
from cubefocus.denoise.network import Denoiser
from cubefocus.denoise.seams import largest_seam
from cubefocus.files import write_table
from cubefocus.settings import LofarSettings


@dataclass(frozen=True)
class MeasureSeams:
    """What is measured.

    Attributes
    ----------
    dataset, network : str
    model : str
        Checkpoint.
    observed : str
        Folder of images, of which the brightest is taken: steps are the largest where there is most flux.
    observation : mapping
        Config section.
    seams : str
        Table to write, of one row.
    provenance : mapping
    """

    dataset: str
    network: str
    model: str
    observed: str
    observation: Mapping[str, Any]
    seams: str
    provenance: Mapping[str, Any] = field(default_factory=dict)


def run(job: MeasureSeams) -> None:
    """Measure them.

    Raises
    ------
    CubefocusError
        If the network or the image cannot be read.
    """
    denoiser = Denoiser.load(job.model)
    peaks = {number: float(np.nanmax(image)) for number, image in read_images([job.observed])}
    number = max(peaks, key=peaks.__getitem__)
    seam = largest_seam(denoiser, read_image(image_path(job.observed, number)))
    noise = noise_of(LofarSettings.from_mapping(job.observation))
    row = {"dataset": job.dataset, "method": job.network, "image": number, "seam": seam / noise}
    write_table(job.seams, Table([row]), job.provenance)
