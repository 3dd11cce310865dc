"""How far the voxels of a restored cube stand out of its noise: what every proposer says of a cube."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cubefocus.errors import CubefocusError
from cubefocus.search.levels import Levels

STANDS_OUT = 5.0  # significance above which a voxel is cut out before what is larger or wider is looked for


@dataclass(frozen=True, eq=False)
class Significance:
    """How far voxels stand out, in standard deviations of Gaussian noise.

    Attributes
    ----------
    positive, negative : ndarray of float32, shape (channel, y, x)
        Of what is above the noise, and of what is below it, also counted positive; 0 where there is nothing to say.
    alive : ndarray of bool, shape (channel,)
        Channels with data.
    """

    positive: np.ndarray
    negative: np.ndarray
    alive: np.ndarray


Proposer = Callable[[np.ndarray, Levels, tuple[float, float, float]], Significance]
"""Of a cube or a part of one (channel, y, x), NaN where there is no data; its noise; and the beam: FWHM of the major
and the minor axis in pixels, and the angle of the major axis from +y towards -x in deg."""


def check_beam(beam: tuple[float, float, float], shape: tuple[int, int]) -> None:
    """Refuse an image (y, x) in which there is no room for a source.

    Raises
    ------
    CubefocusError
        If it is not larger than the beam.
    """
    if beam[0] >= min(shape):
        raise CubefocusError(
            f"the beam of {beam[0]:.3g} px is not smaller than the image of {shape[1]} x {shape[0]} px"
        )
