"""The noise of a cube, measured in the cube itself: a part that is white, and a part that came through the baselines.

Beyond the longest baseline there is white noise only, and its power is read there. Between the baselines the power of
the difference of neighbouring channels, halved, is that of all noise: sources cancel but at the edges of lines. Each
difference has so many spatial frequencies that it gives the level of the noise to a few per cent. Those with a line in
them stand out, and a low quantile of the levels does not see them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from scipy.special import ndtri

from cubefocus.errors import CubefocusError
from cubefocus.fit.beam import Beam

QUANTILE = 0.25  # low, as lines may be in most of the channels
SAME = 0.05  # standard deviation of the noise of channels over their median that is not told from 0
MEDIAN_OF_POWER = float(np.log(2.0))  # of what is distributed as exp(-p), as the power of complex Gaussian noise is
LEAST_WHITE = 1e-2  # of the mean power of the thermal part: less would trust the rarest baselines beyond measure
# Of the mean power of the noise: what a spatial frequency with less is taken to have. At the rarest baselines the edges
# of the image and sources that are no Gaussians leave more than the noise, and would be fitted as sources.
LEAST_POWER = 0.3
SMOOTHING = 2.0  # cells: what correlates over more than a sixth of the image cannot be told from its edge


@dataclass(frozen=True, eq=False)
class Noise:
    """Power of the noise of a cube.

    Attributes
    ----------
    power : ndarray, shape (v, u)
        Of a pixel by spatial frequency, (Jy/beam)^2: the variance that white noise of this power would have.
    relative : ndarray, shape (channel,)
        Standard deviation of each channel over that of `power`; infinite for a channel without data.
    white, thermal : float
        Standard deviation of both parts in a pixel, Jy/beam.
    """

    power: np.ndarray
    relative: np.ndarray
    white: float
    thermal: float

    @property
    def rms(self) -> float:
        """Standard deviation of a pixel, Jy/beam."""
        return float(np.hypot(self.white, self.thermal))


def measure_noise(data: np.ndarray, beam: Beam, chunk: int = 8) -> Noise:
    """Measure the noise of a cube.

    Parameters
    ----------
    data : ndarray, shape (channel, y, x)
        Jy/beam, NaN where there is none.
    beam : Beam
    chunk : int
        Channels in memory at a time.

    Raises
    ------
    CubefocusError
        If all channels are blank.
    """
    held = np.isfinite(data)
    alive = held.reshape(len(data), -1).any(axis=1)
    if not alive.any():
        raise CubefocusError("all channels of the cube are blank: there is no noise to measure")
    outside, within = _powers(data, np.flatnonzero(alive), beam, chunk)
    n_pixels = float(held.any(axis=0).sum())
    outside, within = outside / n_pixels, within / n_pixels
    white = float(np.median(outside))
    shape, overlap = thermal_shape(beam), math.prod(beam.grid.padded) / n_pixels
    level = _level(within, np.ones(len(within)), shape, white, overlap)
    relative = np.full(len(data), np.inf)
    relative[alive] = 1.0
    if white > LEAST_WHITE * level:  # else it is what the edges of the image make of the other part
        found = np.sqrt(outside / white)
        # The power of a channel is known to a few per cent only: where all agree within that, they are equal.
        if np.std(found) >= SAME:
            relative[alive] = found
            both = found**2 if len(found) == 1 else 0.5 * (found[1:] ** 2 + found[:-1] ** 2)
            level = _level(within, both, shape, white, overlap)
    white = max(white, LEAST_WHITE * level)  # of a dirty cube with no noise but the visibilities'
    return Noise(white + level * shape, relative, math.sqrt(white), math.sqrt(level * _pixel_share(shape, beam)))


def known_noise(beam: Beam, n_channels: int, white: float, thermal: float) -> Noise:
    """Noise whose two parts are known.

    Parameters
    ----------
    beam : Beam
    n_channels : int
    white, thermal : float
        Standard deviation of each in a pixel, Jy/beam.
    """
    shape = thermal_shape(beam)
    level = thermal**2 / _pixel_share(shape, beam)
    return Noise(max(white**2, LEAST_WHITE * level) + level * shape, np.ones(n_channels), white, thermal)


def trusted(noise: Noise, beam: Beam) -> Noise:
    """The noise that a fit is weighted with: as it was measured, but nowhere next to none.

    Where white noise was added it is the same. It makes the errors of a cube with thermal noise alone a little larger
    than they could be, and keeps its fit from following what the model does not have.
    """
    least = LEAST_POWER * float(noise.power[beam.grid.inside].mean())
    return replace(noise, power=np.maximum(noise.power, least))


def thermal_shape(beam: Beam) -> np.ndarray:
    """Power of the noise of the visibilities by spatial frequency, mean 1; that of the dirty beam if it is not known.

    With natural weights both are the density of the visibilities.
    """
    shape = beam.noise if beam.noise is not None else beam.transfer.mean(axis=0)
    # Of a dirty beam that ends with its image the transform is noise about 0 where nothing is sampled: smoothed first.
    shape = np.where(beam.grid.inside, np.maximum(smoothed(shape), 0.0), 0.0)
    return shape / shape[beam.grid.inside].mean()


def _pixel_share(shape: np.ndarray, beam: Beam) -> float:
    """Variance in a pixel of noise of this power: its mean over the whole plane of spatial frequencies."""
    twice = shape[:, 1:].sum() * 2.0 + shape[:, 0].sum()
    return float(twice) / (beam.grid.padded[0] * beam.grid.padded[1])


def _powers(data: np.ndarray, alive: np.ndarray, beam: Beam, chunk: int) -> tuple[np.ndarray, torch.Tensor]:
    """Power beyond the longest baseline of each channel with data, and of halved differences of neighbours among them.

    Returns
    -------
    outside : ndarray, shape (channel with data,)
        Summed over the pixels.
    within : Tensor, shape (difference, v, u)
        The same, 0 where the grid keeps nothing; the channel itself where there is but one.
    """
    grid = beam.grid
    size = data.shape[1:]
    v = np.abs(np.fft.fftfreq(size[0]))[:, None] * grid.padded[0]
    u = np.fft.rfftfreq(size[1])[None] * grid.padded[1]
    beyond = torch.from_numpy((v > grid.half[0] + 2) | (u > grid.half[1] + 2))
    outside, differences, last = [], [], torch.empty(0, *size)
    for start in range(0, len(alive), chunk):
        planes = torch.from_numpy(np.nan_to_num(data[alive[start : start + chunk]]).astype(np.float32))
        if beyond.any():
            power = torch.fft.rfft2(planes).abs().square()[:, beyond]
            outside.append(power.median(dim=1).values.double() / MEDIAN_OF_POWER)
        else:
            outside.append(torch.zeros(len(planes), dtype=torch.float64))
        both = torch.cat([last, planes])
        last = planes[-1:]
        if len(both) > 1:
            differences.append(grid.cut(both[1:] - both[:-1]).abs().square() / 2.0)
    within = torch.cat(differences) if differences else grid.cut(last).abs().square()
    return torch.cat(outside).numpy(), within


def smoothed(power: np.ndarray) -> np.ndarray:
    """Power smoothed over neighbouring spatial frequencies, on the half plane of columns from 0."""
    mirrored = np.roll(power[::-1], 1, axis=0)[:, :0:-1]
    whole = gaussian_filter(np.concatenate([mirrored, power], axis=1), SMOOTHING, mode=("wrap", "nearest"))
    return whole[:, mirrored.shape[1] :]


def _level(within: torch.Tensor, relative: np.ndarray, shape: np.ndarray, white: float, overlap: float) -> float:
    """Level of the thermal part above the white one.

    Parameters
    ----------
    within : Tensor, shape (difference, v, u)
        Power of differences of channels.
    relative : ndarray, shape (difference,)
        Power of the noise of each over that of the white part.
    shape : ndarray, shape (v, u)
        Of the thermal part.
    white : float
    overlap : float
        Cells of the grid for each number that the image gives.
    """
    use = shape > 0
    # Least squares without weights, so that what is strong decides: the rarest baselines, whose scatter is less, are
    # known worst.
    weight = shape[use] / (shape[use] @ shape[use])
    powers = within[:, torch.from_numpy(use)] @ torch.from_numpy(weight.astype(np.float32))
    levels = powers.double().numpy() / relative - white * weight.sum()
    level = max(float(np.quantile(levels, QUANTILE)), 0.0)
    # A power scatters by as much as it is. Where the quantile of so many normal deviates lies is due to Blom.
    scatter = math.sqrt(overlap * float(((weight * (white + level * shape[use])) ** 2).sum()))
    place = (QUANTILE * (len(levels) - 1) + 0.625) / (len(levels) + 0.25)
    return max(float(np.quantile(levels, QUANTILE)) - float(ndtri(place)) * scatter, 0.0)
