"""Compare test images, denoised by each method, with their skies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from astropy.table import Table

from cubefocus.denoise.folder import image_path, numbers_in, read_image
from cubefocus.denoise.images import beam_area
from cubefocus.denoise.methods import denoised
from cubefocus.denoise.metrics import (
    cross_correlation,
    dimming,
    discrepancy,
    mean_relative_error,
    mean_squared_error,
    segmentation,
)
from cubefocus.denoise.scale import DIFFUSE, LogScale
from cubefocus.files import write_table
from cubefocus.settings import DenoisedSettings, LofarSettings

FAINT = (0.3, 3.0)  # S/N of the pixels whose mean relative error is a column of its own
SEPARATION = 20.0  # arcsec, at which the correlation is given


@dataclass(frozen=True)
class ScoreDenoised:
    """What is compared.

    Attributes
    ----------
    dataset : str
    skies, observed : str
        Folders.
    denoised : mapping of str to str
        Folder of each network.
    cell_arcsec : float
    evaluation, observation : mapping
        Config sections.
    scores : str
        Table to write, a row for each image and method.
    provenance : mapping
    """

    dataset: str
    skies: str
    observed: str
    denoised: Mapping[str, str]
    cell_arcsec: float
    evaluation: Mapping[str, Any]
    observation: Mapping[str, Any]
    scores: str
    provenance: Mapping[str, Any] = field(default_factory=dict)


def run(job: ScoreDenoised) -> None:
    """Compare them one by one.

    Raises
    ------
    CubefocusError
        If an image cannot be read.
    """
    settings = DenoisedSettings.from_mapping(job.evaluation)
    noise = noise_of(LofarSettings.from_mapping(job.observation))
    rows = []
    for number in numbers_in(job.skies):
        sky, observed = (read_image(image_path(folder, number)) for folder in (job.skies, job.observed))
        for method, image, mask in denoised(observed, number, job.denoised, settings, noise):
            facts = {"dataset": job.dataset, "method": method, "image": number, "sky_peak": float(sky.max())}
            rows.append(facts | scores(sky, image, mask, noise, settings, job.cell_arcsec))
    write_table(job.scores, Table(rows), job.provenance)


def noise_of(settings: LofarSettings) -> float:
    """Noise of a pixel of an image, Jy/arcsec^2."""
    return 1e-3 * settings.noise_mjy / beam_area(settings.beam_arcsec, settings.beam_arcsec)


def scores(
    sky: np.ndarray, image: np.ndarray, mask: np.ndarray, noise: float, settings: DenoisedSettings, cell_arcsec: float
) -> dict[str, float]:
    """How well an image agrees with its sky.

    Parameters
    ----------
    sky, image : ndarray, shape (y, x)
        Jy/arcsec^2.
    mask : ndarray of bool, shape (y, x)
        Where the method sees emission.
    noise : float
        Of a pixel, Jy/arcsec^2.
    settings : DenoisedSettings
    cell_arcsec : float
    """
    scale = LogScale.of(sky)
    found = segmentation(sky, image, mask, noise)
    return {
        "relative_error": mean_relative_error(sky, image, DIFFUSE),
        "relative_error_faint": mean_relative_error(sky, image, FAINT[0] * noise, FAINT[1] * noise),
        "mse": mean_squared_error(scale.apply(sky), scale.apply(image)),
        "discrepancy": discrepancy(sky, image) / sky.size,
        "correlation": cross_correlation(sky, image, cell_arcsec, 2.0 * SEPARATION).at(SEPARATION),
        "correlation_sky": cross_correlation(sky, sky, cell_arcsec, 2.0 * SEPARATION).at(SEPARATION),
        "dimming": dimming(sky, image, settings.brightest),
        "completeness": found.recall,
        "purity": found.precision,
        **{f"completeness_{_named(low)}_{_named(high)}": share for low, high, share in found_by_snr(found)},
    }


def found_by_snr(found: Any) -> list[tuple[float, float, float]]:
    """Completeness between each two limits of S/N."""
    return [*zip(found.bins[:-1].tolist(), found.bins[1:].tolist(), found.completeness.tolist(), strict=True)]


def _named(snr: float) -> str:
    return f"{snr:.2g}"
