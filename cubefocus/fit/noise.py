"""The noise of a cube, measured in the cube itself: a part that is white, and a part that came through the baselines.

Beyond the longest baseline there is white noise only, and its power is read there. Between the baselines the power of
the difference of neighbouring channels, halved, is that of all noise: sources cancel but at the edges of lines, and a
low quantile over the channels hardly sees these.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import gaussian_filter

from cubefocus.fit.beam import Beam

QUANTILE = 0.25  # low, as lines may be in most of the channels
MEDIAN_OF_POWER = float(np.log(2.0))  # of what is distributed as exp(-p), as the power of complex Gaussian noise is
LEAST_WHITE = 1e-2  # of the mean power of the thermal part: less would trust the rarest baselines beyond measure
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
    """
    held = np.isfinite(data)
    blank = ~held.reshape(len(data), -1).any(axis=1)
    n_pixels = max(float(held.any(axis=0).sum()), 1.0)
    outside, within = _powers(data, beam, chunk)
    outside, within = outside / n_pixels, within / n_pixels
    alive = ~blank
    per_channel = np.where(alive, outside, np.nan)
    white = float(np.nanmedian(per_channel))
    relative = np.sqrt(per_channel / white) if white > 0 else np.where(alive, 1.0, np.inf)
    # The power of a channel is known to a few per cent only: where all agree within that, they are equal.
    spread = np.nanstd(relative)
    relative = np.where(alive, 1.0 if spread < 0.05 else relative, np.inf)
    shape = thermal_shape(beam)
    level = _level(within, shape, white, beam.grid.inside)
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
    power = white**2 + thermal**2 / _pixel_share(shape, beam) * shape
    return Noise(power, np.ones(n_channels), white, thermal)


def thermal_shape(beam: Beam) -> np.ndarray:
    """Power of the noise of the visibilities by spatial frequency, mean 1; that of the dirty beam if it is not known.

    With natural weights both are the density of the visibilities.
    """
    shape = beam.noise if beam.noise is not None else np.maximum(beam.transfer.mean(axis=0), 0.0)
    shape = np.where(beam.grid.inside, _smoothed(shape), 0.0)
    return shape / shape[beam.grid.inside].mean()


def _pixel_share(shape: np.ndarray, beam: Beam) -> float:
    """Variance in a pixel of noise of this power: its mean over the whole plane of spatial frequencies."""
    twice = shape[:, 1:].sum() * 2.0 + shape[:, 0].sum()
    return float(twice) / (beam.grid.padded[0] * beam.grid.padded[1])


def _powers(data: np.ndarray, beam: Beam, chunk: int) -> tuple[np.ndarray, np.ndarray]:
    """Power beyond the longest baseline of each channel, and of halved differences of channels by frequency."""
    grid = beam.grid
    size = data.shape[1:]
    v = np.abs(np.fft.fftfreq(size[0]))[:, None] * grid.padded[0]
    u = np.fft.rfftfreq(size[1])[None] * grid.padded[1]
    beyond = torch.from_numpy((v > grid.half[0] + 2) | (u > grid.half[1] + 2))
    outside, differences, last = [], [], torch.empty(0, *size)
    for start in range(0, len(data), chunk):
        planes = torch.from_numpy(np.nan_to_num(data[start : start + chunk]).astype(np.float32))
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
    low = within.quantile(QUANTILE, dim=0).double().cpu().numpy() / _expected_quantile(len(within))
    return torch.cat(outside).cpu().numpy(), low


def _expected_quantile(number: int) -> float:
    """Mean of the quantile `QUANTILE` of so many numbers that are distributed as exp(-p).

    That of the j-th smallest of n is 1/n + 1/(n - 1) + ... + 1/(n - j + 1); between two of them it is interpolated.
    """
    means = np.cumsum(1.0 / np.arange(number, 0, -1))
    return float(np.interp(QUANTILE * (number - 1), np.arange(number), means))


def _smoothed(power: np.ndarray) -> np.ndarray:
    """Power smoothed over neighbouring spatial frequencies, on the half plane of columns from 0."""
    mirrored = np.roll(power[::-1], 1, axis=0)[:, :0:-1]
    whole = gaussian_filter(np.concatenate([mirrored, power], axis=1), SMOOTHING, mode=("wrap", "nearest"))
    return whole[:, mirrored.shape[1] :]


def _level(within: np.ndarray, shape: np.ndarray, white: float, inside: np.ndarray) -> float:
    """Least-squares level of the thermal part above the white one, weighted by what each frequency scatters."""
    use = inside & (shape > 0)
    above, s = within[use] - white, shape[use]
    level = 0.0
    for _ in range(3):
        weight = 1.0 / (white + level * s + 1e-30) ** 2
        level = max(float((weight * s * above).sum() / (weight * s * s).sum()), 0.0)
    return level
