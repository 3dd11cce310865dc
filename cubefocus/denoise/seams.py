"""The seams that a tiling leaves in a denoised image."""

from __future__ import annotations

import math

import numpy as np

from cubefocus.denoise.blocks import denoise_array
from cubefocus.denoise.metrics import largest_step
from cubefocus.denoise.network import Denoiser
from cubefocus.denoise.task import DENOISED
from cubefocus.denoise.tiles import Tiling
from cubefocus.networks import Residual


def largest_seam(denoiser: Denoiser, image: np.ndarray) -> float:
    """Largest step of a denoised image across a border of its tiles, against the same image in other tiles.

    Parameters
    ----------
    denoiser : Denoiser
        With the tiling that it denoises with.
    image : ndarray, shape (y, x)
        Jy/arcsec^2.

    Returns
    -------
    float
        Jy/arcsec^2; NaN for an image that is no larger than the kept part of a tile, which has no borders.

    Raises
    ------
    CubefocusError
        If the network cannot take such tiles.
    """
    tiling = denoiser.tiling
    borders = tiling.borders(image.shape[0]), tiling.borders(image.shape[1])
    if not any(map(len, borders)):
        return math.nan
    usual, others = (denoise_array(denoiser, image, one)[DENOISED] for one in (tiling, other_tiling(denoiser)))
    return largest_step(usual, others, borders)


def other_tiling(denoiser: Denoiser) -> Tiling:
    """Tiles of the same size of which a little less is kept, so that nearly all borders are elsewhere.

    Those of a residual network begin at multiples of its step as well: what it says hangs on where its coarse pixels
    begin, which is no seam.
    """
    usual = denoiser.tiling
    step = denoiser.model.step if isinstance(denoiser.model, Residual) else 1
    return Tiling(usual.tile, usual.margin + step)
