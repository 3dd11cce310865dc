"""Images of a dataset, their skies, and what each method makes of them: what tables and figures read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from cubefocus.denoise.folder import image_path, numbers_in, read_image, read_probability
from cubefocus.denoise.methods import LEAST_SNR, SKY, filters, noise_of
from cubefocus.denoise.scale import DIFFUSE
from cubefocus.denoise.task import PROBABILITY
from cubefocus.errors import CubefocusError
from cubefocus.settings import DenoisedSettings, LofarSettings

LIKELY = 0.5  # probability from which a network is taken to see emission


@dataclass(frozen=True, eq=False)
class Made:
    """What a method makes of an image.

    Attributes
    ----------
    method : str
    image : ndarray, shape (y, x)
        Jy/arcsec^2.
    mask : ndarray of bool, shape (y, x)
        Where it sees emission.
    """

    method: str
    image: np.ndarray
    mask: np.ndarray


@dataclass(frozen=True)
class Compared:
    """What is compared.

    Attributes
    ----------
    dataset : str
        One of `cubefocus.specs.DATASETS`.
    skies, observed : sequence of str
        Folders, one a batch.
    denoised : mapping of str to sequence of str
        Those of each method that is a network.
    cell_arcsec : float
    evaluation, observation : mapping
        Config sections.
    """

    dataset: str
    skies: Sequence[str]
    observed: Sequence[str]
    denoised: Mapping[str, Sequence[str]]
    cell_arcsec: float
    evaluation: Mapping[str, Any]
    observation: Mapping[str, Any]

    @cached_property
    def settings(self) -> DenoisedSettings:
        """How images are compared."""
        return DenoisedSettings.from_mapping(self.evaluation)

    @cached_property
    def noise(self) -> float:
        """Of a pixel, Jy/arcsec^2."""
        return noise_of(LofarSettings.from_mapping(self.observation))

    @cached_property
    def batches(self) -> Mapping[int, int]:
        """Batch of each image, by its number.

        Raises
        ------
        CubefocusError
            If a folder holds no images.
        """
        return {number: batch for batch, folder in enumerate(self.skies) for number in numbers_in(folder)}

    def sky(self, number: int) -> np.ndarray:
        """Sky of an image, (y, x) in Jy/arcsec^2; errors are those of `made`."""
        return self._read(self.skies, number)

    def made(self, number: int) -> Iterator[Made]:
        """An image by each method, the sky itself first.

        Filters see emission above a third of the noise (GV22), the autoencoder above 1e-7 Jy/arcsec^2, a network that
        gives a probability where it is more likely than not.

        Raises
        ------
        CubefocusError
            If there is no such image, or it cannot be read.
        """
        sky, observed = self.sky(number), self._read(self.observed, number)
        yield Made(SKY, sky, sky > DIFFUSE)
        for name, function in filters(self.settings).items():
            image = function(observed)
            yield Made(name, image, image > LEAST_SNR * self.noise)
        for name, folders in self.denoised.items():
            image = self._read(folders, number)
            probable = image_path(folders[self.batches[number]], number, PROBABILITY)
            yield Made(name, image, read_probability(probable) > LIKELY if probable.is_file() else image > DIFFUSE)

    def _read(self, folders: Sequence[str], number: int) -> np.ndarray:
        if number not in self.batches:
            raise CubefocusError(f"{', '.join(self.skies)}: no image {number}; let Snakemake make the scores again")
        return read_image(image_path(folders[self.batches[number]], number))
