"""Ways to denoise that are compared: networks by their names, and filters that learn nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path

import numpy as np

from cubefocus.denoise.filters import fft_filter, gaussian_filter
from cubefocus.denoise.folder import image_path, read_image, read_probability
from cubefocus.denoise.scale import DIFFUSE
from cubefocus.denoise.task import PROBABILITY
from cubefocus.settings import DenoisedSettings

LEAST_SNR = 1.0 / 3.0  # of what a filter is taken to see (GV22 section 4.2, figure 8)


def filters(settings: DenoisedSettings) -> Mapping[str, Callable[[np.ndarray], np.ndarray]]:
    """What the networks are compared with, by name: the image as it is, smoothed, and without high frequencies."""
    return {
        "none": np.asarray,
        "gaussian": partial(gaussian_filter, sigma=settings.gaussian_px),
        "fft": partial(fft_filter, cutoff=settings.fft_cutoff),
    }


def denoised(
    observed: np.ndarray,
    number: int,
    folders: Mapping[str, str | Path],
    settings: DenoisedSettings,
    noise: float,
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """An image by each method.

    Parameters
    ----------
    observed : ndarray, shape (y, x)
        Jy/arcsec^2.
    number : int
        Of the image.
    folders : mapping of str to path
        Where each network's images are.
    settings : DenoisedSettings
    noise : float
        Of a pixel, Jy/arcsec^2.

    Yields
    ------
    str
        Name of the method.
    ndarray, shape (y, x)
        Jy/arcsec^2.
    ndarray of bool, shape (y, x)
        Where it sees emission: above a third of the noise for filters (GV22), above 1e-7 Jy/arcsec^2 for the
        autoencoder, where it is more likely than not for a network that says so.
    """
    for name, function in filters(settings).items():
        image = function(observed)
        yield name, image, image > LEAST_SNR * noise
    for name, folder in folders.items():
        image, probable = read_image(image_path(folder, number)), image_path(folder, number, PROBABILITY)
        yield name, image, read_probability(probable) > 0.5 if probable.is_file() else image > DIFFUSE


def names(networks: Iterable[str], settings: DenoisedSettings | None = None) -> list[str]:
    """Of all methods, in the order of tables and figures."""
    return [*filters(settings or DenoisedSettings()), *networks]
