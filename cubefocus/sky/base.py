"""The interface of a sky type: which columns it has, how its sources are drawn and what they emit."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from cubefocus.sky.columns import Source
from cubefocus.sky.emission import Emission, Frame
from cubefocus.tables.columns import Column

Ranges = Mapping[str, tuple[float, float]]
"""Uniform draws [low, high] by name, as in the section ``sky`` of a config file."""


def uniform(ranges: Ranges, name: str, rng: np.random.Generator) -> float:
    """Draw a number from a range."""
    return float(rng.uniform(*ranges[name]))


class SkyType(ABC):
    """One kind of source.

    Attributes
    ----------
    name : str
        As in the config file and in the column ``type``.
    columns : tuple of Column
        Truth columns that only this type has; masked for sources of other types.
    """

    name: ClassVar[str]
    columns: ClassVar[tuple[Column, ...]] = ()

    def draw(self, ranges: Ranges, rng: np.random.Generator) -> Source:
        """Draw a source without its position.

        Parameters
        ----------
        ranges : mapping
            Uniform draws by name.
        rng : numpy.random.Generator

        Returns
        -------
        dict
            Values by column name.
        """
        return {"type": self.name, **draw_gaussian(ranges, rng), **self.draw_more(ranges, rng)}

    def draw_more(self, ranges: Ranges, rng: np.random.Generator) -> Source:
        """Draw what the Gaussian draws leave out or what replaces them."""
        return {}

    def derive(self, source: Source) -> Source:
        """Columns that follow from what was drawn; asked for once, when a draw is kept."""
        return {}

    @abstractmethod
    def emission(self, source: Source, frame: Frame) -> Emission:
        """What a source adds to a cube on a grid."""


def draw_gaussian(ranges: Ranges, rng: np.random.Generator) -> Source:
    """Draw the shape, the continuum and the line that all types start from (MNRAS Table 1)."""
    return {
        "amplitude": uniform(ranges, "amplitude", rng),
        "sigma_x": uniform(ranges, "sigma", rng),
        "sigma_y": uniform(ranges, "sigma", rng),
        "pa": uniform(ranges, "pa", rng),
        "spectral_index": uniform(ranges, "spectral_index", rng),
        "line_amplitude": uniform(ranges, "line_amplitude", rng),
        "z": uniform(ranges, "line_centre", rng),
        "fwhm_z": uniform(ranges, "line_fwhm", rng),
    }


def brightness(source: Source) -> float:
    """Brightest voxel of a source before scaling: a (1 + A), or a alone when its line absorbs."""
    return source["amplitude"] * (1.0 + max(source["line_amplitude"], 0.0))


def power_law(source: Source, frame: Frame) -> np.ndarray:
    """Continuum spectrum a (nu_0 / nu)^s at the source's peak, shape (channel,) (MNRAS Eq. 3)."""
    return source["amplitude"] * frame.frequency_ratio ** source["spectral_index"]
