"""Draw the brightest and the faintest field of some test images, and what each method makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cubefocus.denoise.folder import image_path, numbers_in, read_image
from cubefocus.denoise.methods import denoised
from cubefocus.denoise.metrics import cross_correlation
from cubefocus.jobs.score_denoised import noise_of
from cubefocus.report.figures.denoised import FieldMaps, denoised_maps
from cubefocus.report.figures.style import save_figure
from cubefocus.settings import DenoisedSettings, LofarSettings

FARTHEST = 400.0  # arcsec, to which the correlation is drawn
LEFT_OUT = ("none",)  # the observed image has a map of its own


@dataclass(frozen=True)
class DenoisedFigure:
    """What is drawn.

    Attributes
    ----------
    skies, observed : str
        Folders.
    denoised : mapping of str to str
        Folder of each network.
    cell_arcsec : float
    evaluation, observation : mapping
        Config sections.
    figure : str
        File to write, without its suffix.
    provenance : mapping
    """

    skies: str
    observed: str
    denoised: Mapping[str, str]
    cell_arcsec: float
    evaluation: Mapping[str, Any]
    observation: Mapping[str, Any]
    figure: str
    provenance: Mapping[str, Any] = field(default_factory=dict)


def run(job: DenoisedFigure) -> None:
    """Draw them.

    Raises
    ------
    CubefocusError
        If an image cannot be read.
    """
    peaks = {number: float(read_image(image_path(job.skies, number)).max()) for number in numbers_in(job.skies)}
    chosen = dict.fromkeys((max(peaks, key=peaks.__getitem__), min(peaks, key=peaks.__getitem__)))
    save_figure(denoised_maps([_field(job, number) for number in chosen]), Path(job.figure), job.provenance)


def _field(job: DenoisedFigure, number: int) -> FieldMaps:
    sky, observed = (read_image(image_path(folder, number)) for folder in (job.skies, job.observed))
    settings, noise = (
        DenoisedSettings.from_mapping(job.evaluation),
        noise_of(LofarSettings.from_mapping(job.observation)),
    )
    images: dict[str, np.ndarray] = {"sky": sky, "observed": observed}
    for name, image, _ in denoised(observed, number, job.denoised, settings, noise):
        if name not in LEFT_OUT:
            images[name] = image
    correlations = {name: cross_correlation(sky, image, job.cell_arcsec, FARTHEST) for name, image in images.items()}
    return FieldMaps(f"image {number}", images, correlations)
