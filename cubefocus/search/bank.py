"""Signal-to-noise of the best template in each voxel.

A template is what the beam shows of a Gaussian of one of a few sizes, times a spectrum: a line of one of a few widths,
or flat. The cube is correlated with each and divided by the noise that is left, measured in what comes out: so it does
not matter how the noise of the cube is correlated. What is negative is kept beside it, since it tells how often noise,
and what the imaging left, reach a height.

Small templates come first. What stands out with them is cut down before larger ones see it, as SoFiA's smooth-and-clip
finder does it (Serra et al. 2015, MNRAS 448, 1922): else these would carry a bright source into all that is around it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from cubefocus.cube.cutouts import SIGMA_TO_FWHM
from cubefocus.cube.scale import gaussian_area
from cubefocus.errors import CubefocusError
from cubefocus.search.levels import SCATTER, Levels
from cubefocus.stats.noise import robust_width

SIZES = (0.0, 0.9, 1.7, 3.0)  # standard deviations of the Gaussians, in those of the beam
WIDTHS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)  # FWHM of the lines, channels; 1 is a channel by itself
LEAST_CHANNELS = 4  # with data: in fewer a flat spectrum is no template of its own
STANDS_OUT = 5.0  # signal-to-noise above which a voxel is cut down before a larger template ...
CUT = 0.0  # ... to this: only what is around it is left to find
EDGE = (
    0.5  # of the largest variance that a template leaves of white noise: nearer to where the data end it says nothing
)
ENOUGH = 60.0  # independent values of a template in the cube: with fewer its noise is not known
REACH = 3.0  # standard deviations at which a line ends
CHANNELS = 64  # at a time
MOST_VALUES = 500_000  # in which the noise of a template is measured


@dataclass(frozen=True, eq=False)
class Significance:
    """Signal-to-noise of the best templates.

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


def significance(
    data: np.ndarray, levels: Levels, beam: tuple[float, float, float], device: str = "cpu"
) -> Significance:
    """Correlate a cube with all templates.

    Parameters
    ----------
    data : ndarray, shape (channel, y, x)
        NaN where there is none.
    levels : Levels
    beam : (major, minor, angle)
        FWHM in pixels; the angle of the major axis from +y towards -x, deg.
    device : str

    Returns
    -------
    Significance

    Raises
    ------
    CubefocusError
        If the image is not larger than the beam.
    """
    n_y, n_x = data.shape[1:]
    if beam[0] >= min(n_y, n_x):
        raise CubefocusError(f"the beam of {beam[0]:.3g} px is not smaller than the image of {n_x} x {n_y} px")
    return _Bank(data, levels, beam, device).all()


class _Bank:
    """A cube on a device, and the highest that templates gave so far."""

    def __init__(self, data: np.ndarray, levels: Levels, beam: tuple[float, float, float], device: str) -> None:
        held = np.isfinite(data) & np.isfinite(levels.channel)[:, None, None]
        self.alive = held.any(axis=(1, 2))
        self.pixels = held.any(axis=0)
        self.held = torch.from_numpy(held).to(device)
        self.scaled = torch.from_numpy(np.where(held, levels.scaled(data), np.float32(0.0))).to(device)
        self.positive, self.negative = torch.zeros_like(self.scaled), torch.zeros_like(self.scaled)
        self.shape: tuple[int, int] = (data.shape[1], data.shape[2])
        self.covariance, self.area = _of_beam(beam)
        # Far enough that the widest template does not come around.
        reach = math.ceil(REACH * max(SIZES) * beam[0] / SIGMA_TO_FWHM) + math.ceil(beam[0])
        self.padded = (self.shape[0] + reach, self.shape[1] + reach)

    def all(self) -> Significance:
        for size in SIZES:
            self.with_size(size)
        return Significance(self.positive.cpu().numpy(), self.negative.cpu().numpy(), self.alive)

    def with_size(self, size: float) -> None:
        beams = float(self.pixels.sum()) / (self.area * (1.0 + size**2))
        n_alive = int(self.alive.sum())
        if beams * n_alive < ENOUGH and size > 0:
            return
        smooth, usable = self.smooth(size)
        self.keep(smooth, usable, beams * n_alive)
        for width in WIDTHS[1:]:
            if width <= n_alive and beams * n_alive / width >= ENOUGH:
                self.keep(self.along(self.cut(smooth), width), usable, beams * n_alive / width)
        if n_alive >= LEAST_CHANNELS and beams >= ENOUGH:
            # What stands out in some channels is a line there and says nothing of the others.
            total = smooth.clamp(-CUT, CUT).sum(dim=0, keepdim=True).expand_as(smooth)
            self.keep(total, usable, beams)

    def cut(self, values: torch.Tensor) -> torch.Tensor:
        """Values in units of their noise, less of what stood out so far."""
        high = torch.where(self.positive > STANDS_OUT, values.clamp(max=CUT), values)
        return torch.where(self.negative > STANDS_OUT, high.clamp(min=-CUT), high)

    def smooth(self, size: float) -> tuple[torch.Tensor, torch.Tensor]:
        """Each channel correlated with the beam's image of a Gaussian, over its noise; and where that says much."""
        transfer = self.transfer(size)
        source = self.cut(self.scaled)
        smooth = torch.empty_like(source)
        for start in range(0, len(source), CHANNELS):
            part = torch.fft.rfft2(source[start : start + CHANNELS], s=self.padded) * transfer
            smooth[start : start + CHANNELS] = torch.fft.irfft2(part, s=self.padded)[
                :, : self.shape[0], : self.shape[1]
            ]
        # The square of a Gaussian is one of half the variance.
        kept = torch.fft.rfft2(torch.from_numpy(self.pixels.astype(np.float32)).to(source.device), s=self.padded)
        share = torch.fft.irfft2(kept * transfer.sqrt(), s=self.padded)[: self.shape[0], : self.shape[1]]
        usable = share > EDGE
        smooth = smooth / share.clamp(min=EDGE).sqrt() * usable
        noise = self.noise(smooth, usable)
        return (smooth / noise if noise > 0 else torch.zeros_like(smooth)), usable

    def transfer(self, size: float) -> torch.Tensor:
        ky, kx = 2.0 * np.pi * np.fft.fftfreq(self.padded[0]), 2.0 * np.pi * np.fft.rfftfreq(self.padded[1])
        (xx, xy), (_, yy) = self.covariance + size**2 * math.sqrt(np.linalg.det(self.covariance)) * np.eye(2)
        form = xx * kx[None] ** 2 + 2.0 * xy * kx[None] * ky[:, None] + yy * ky[:, None] ** 2
        return torch.from_numpy(np.exp(-0.5 * form).astype(np.float32)).to(self.scaled.device)

    def along(self, values: torch.Tensor, width: float) -> torch.Tensor:
        """Channels correlated with a line of some width, (channel, y, x), for equal noise near the ends of the band."""
        sigma = width / SIGMA_TO_FWHM
        channels, reach = np.arange(len(values)), math.ceil(REACH * sigma)
        found = torch.empty_like(values)
        for start in range(0, len(values), CHANNELS):
            stop = min(start + CHANNELS, len(values))
            low, high = max(0, start - reach), min(len(values), stop + reach)
            offset = (channels[None, low:high] - channels[start:stop, None]) / sigma
            line = np.exp(-0.5 * offset**2) * (np.abs(offset) <= REACH) * self.alive[None, low:high]
            line /= np.sqrt(np.maximum((line**2).sum(axis=1, keepdims=True), 1e-6))
            matrix = torch.from_numpy(line.astype(np.float32)).to(values.device)
            found[start:stop] = (matrix @ values[low:high].flatten(1)).reshape(-1, *self.shape)
        return found

    def noise(self, values: torch.Tensor, usable: torch.Tensor) -> float:
        chosen = (self.held & usable).reshape(-1).nonzero()[:, 0]
        chosen = chosen[:: max(1, len(chosen) // MOST_VALUES)]
        return float(robust_width(values.reshape(-1)[chosen].cpu().numpy())) if len(chosen) else 0.0

    def keep(self, values: torch.Tensor, usable: torch.Tensor, independent: float) -> None:
        """Take what a template gives where it is higher than what the others gave.

        Its noise is taken as high as it may be for so many independent values: of the templates that have few of them
        the one whose noise came out too low would be the best everywhere.
        """
        noise = self.noise(values, usable) * (1.0 + SCATTER / math.sqrt(max(independent, 1.0)))
        if not noise > 0:
            return
        found = values / noise * (self.held & usable)
        torch.maximum(self.positive, found, out=self.positive)
        torch.maximum(self.negative, -found, out=self.negative)


def _of_beam(beam: tuple[float, float, float]) -> tuple[np.ndarray, float]:
    """Second moments of a beam (xx, xy; xy, yy), pixels squared, and its area, pixels."""
    major, minor, angle = beam
    turn = math.radians(angle)
    along, across = np.array([-math.sin(turn), math.cos(turn)]), np.array([math.cos(turn), math.sin(turn)])
    cov = (np.outer(along, along) * major**2 + np.outer(across, across) * minor**2) / SIGMA_TO_FWHM**2
    return cov, gaussian_area(major, minor)
