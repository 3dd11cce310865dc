"""One channel of the response of a set-up: what it makes of the sky that a window of channels sums up."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from cubefocus.cube.scale import SIGMA_TO_FWHM
from cubefocus.engines.fft import FourierOperator
from cubefocus.instrument.response import Response
from cubefocus.sky.emission import gaussian_image


@dataclass(frozen=True, eq=False)
class Plane:
    """What a set-up does to images, on the pixels of its response.

    Attributes
    ----------
    response : Response
    operator : FourierOperator
        Of it; images see the first channel.
    beam : (major, minor, angle)
        Restoring beam: FWHM in pixels; the angle of the major axis from +y towards -x, deg.
    primary_beam : ndarray, shape (y, x)
    limit : float
        Of the primary beam, below which images are blank.
    transfer : Tensor, shape (y, x frequency)
        Transform of the restoring beam, of peak 1, on twice the image.
    """

    response: Response
    operator: FourierOperator
    beam: tuple[float, float, float]
    primary_beam: np.ndarray
    limit: float
    transfer: torch.Tensor

    @classmethod
    def of(cls, response: Response) -> Plane:
        """Read it from a response of one channel, or of more that are alike."""
        cell = response.observation.cell_arcsec
        major, minor, angle = (float(value) for value in response.beams[0])
        beam = (major / cell, minor / cell, angle)
        primary = response.primary_beam()[0]
        return cls(
            response, FourierOperator(response, planes=64), beam, primary, response.observation.pblimit,
            transfer_of(beam, 2 * response.shape[1]),
        )  # fmt: skip

    @property
    def n_pixels(self) -> int:
        """Side of the images."""
        return self.operator.shape[1]

    @property
    def width(self) -> float:
        """Geometric mean of the restoring beam's FWHM, pixels."""
        return math.sqrt(self.beam[0] * self.beam[1])

    @property
    def held(self) -> np.ndarray:
        """Where images are not blank, bool, shape (y, x)."""
        return self.primary_beam >= self.limit

    def dirty(self, skies: np.ndarray) -> np.ndarray:
        """Dirty images of skies, shape (n, y, x): Jy/pixel to Jy/beam, without noise."""
        if not len(skies):
            return np.zeros_like(skies)
        return self.operator.observe(torch.from_numpy(skies)[:, None], blank=False)[:, 0].numpy()

    def restored(self, skies: np.ndarray) -> np.ndarray:
        """Skies seen through the primary beam and the restoring beam, shape (n, y, x): Jy/pixel to Jy/beam."""
        size = self.transfer.shape[0]
        seen = torch.fft.rfft2(torch.from_numpy(skies * self.primary_beam), s=(size, size)) * self.transfer
        return torch.fft.irfft2(seen, s=(size, size))[..., : self.n_pixels, : self.n_pixels].numpy()

    def thermal(self, seed: int) -> np.ndarray:
        """Thermal noise of one image, Jy/beam, shape (y, x)."""
        nothing = torch.zeros(1, *self.operator.shape)
        return self.operator.observe(nothing, [seed], blank=False)[0, 0].numpy()


def transfer_of(beam: tuple[float, float, float], size: int) -> torch.Tensor:
    """Transform of a Gaussian of peak 1 at the first pixel of a periodic square."""
    sigma_x, sigma_y = (axis / SIGMA_TO_FWHM for axis in beam[:2])
    half = size // 2
    image = gaussian_image((slice(0, size), slice(0, size)), half, half, sigma_x, sigma_y, 90.0 - beam[2])
    return torch.fft.rfft2(torch.from_numpy(np.roll(image, (-half, -half), axis=(0, 1)).astype(np.float32)))
