"""The noise of a cube, measured in the cube itself: a part that is white, and a part that came through the baselines.

Beyond the longest baseline there is white noise only, and its power is read there. Between the baselines the power of
the difference of neighbouring channels, halved, is that of all noise: sources cancel but at the edges of lines. Each
difference has so many spatial frequencies that it gives the level of the noise to a few per cent. Those with a line in
them stand out, and a low quantile of the levels does not see them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from scipy.special import ndtri

from cubefocus.errors import CubefocusError
from cubefocus.fit.beam import Beam
from cubefocus.fit.grid import Grid, squared

QUANTILE = 0.25  # low, as lines may be in most of the channels
SAME = 0.05  # standard deviation of the noise of channels over their median that is not told from 0
MEDIAN_OF_POWER = float(np.log(2.0))  # of what is distributed as exp(-p), as the power of complex Gaussian noise is
LEAST_WHITE = 1e-2  # of the mean power of the thermal part: less would trust the rarest baselines beyond measure
# Of the mean power of the noise: what a spatial frequency with less is taken to have. At the rarest baselines the edges
# of the image and sources that are no Gaussians leave more than the noise, and would be fitted as sources.
LEAST_POWER = 0.3
CHUNK = 8  # channels transformed at a time: what fits into caches
MOST_KEPT = 2**26  # complex numbers of transforms that are kept, 0.5 GB
SMOOTHING = 2.0  # cells: what correlates over more than a sixth of the image cannot be told from its edge


_Part = tuple[np.ndarray, torch.Tensor, torch.Tensor]


@dataclass(frozen=True, eq=False)
class Noise:
    """Power of the noise of a cube.

    Attributes
    ----------
    power : ndarray, shape (v, u)
        Of a pixel by spatial frequency, (Jy/beam)^2: the variance that white noise of this power would have. It is
        smoothed, as where an image ends its noise leaks into neighbouring frequencies, and weighs the data.
    relative : ndarray, shape (channel,)
        Standard deviation of each channel over that of `power`; infinite for a channel without data.
    white, thermal : float
        Standard deviation of both parts in a pixel, Jy/beam.
    endless : ndarray, shape (v, u), or None
        The power without that smoothing, as it is in an image without edges; None where it is not known.
    shared : bool
        Whether channels may have in common what the imaging left around sources.
    """

    power: np.ndarray
    relative: np.ndarray
    white: float
    thermal: float
    endless: np.ndarray | None = None
    shared: bool = False

    @property
    def in_endless_image(self) -> np.ndarray:
        """Power by spatial frequency (v, u) in an image without edges, as far as it is known."""
        return self.power if self.endless is None else self.endless

    @property
    def rms(self) -> float:
        """Standard deviation of a pixel, Jy/beam."""
        return float(np.hypot(self.white, self.thermal))


class Transforms:
    """Transforms of the channels of a cube that have data, cut off at the longest baseline, some channels at a time.

    The noise is measured in them and the fit is made from them. They are kept where they take little memory, else made
    again.

    Attributes
    ----------
    channels : ndarray of int
        Those that have data.
    filled : ndarray of bool, shape (y, x)
        Pixels that have data in any channel.
    """

    def __init__(self, data: np.ndarray, grid: Grid, device: str = "cpu", chunk: int = CHUNK) -> None:
        """Take a cube (channel, y, x), Jy/beam, NaN where there is no data."""
        self.data, self.grid, self.device, self.chunk = data, grid, device, chunk
        held = np.isfinite(data)
        self.channels = np.flatnonzero(held.reshape(len(data), -1).any(axis=1))
        self.filled = held.any(axis=0)
        numbers = len(self.channels) * math.prod(grid.inside.shape)
        self._kept: list[_Part] | None = [] if numbers < MOST_KEPT else None
        self._taken: list[tuple[torch.Tensor, torch.Tensor]] = []

    def less(self, images: Sequence[torch.Tensor], spectra: Sequence[np.ndarray]) -> Transforms:
        """The same of the cube less some images times spectra, which have nothing beyond the longest baseline.

        Parameters
        ----------
        images : sequence of Tensor, shape (n, v, u)
            Their transforms.
        spectra : sequence of ndarray, shape (n, channel)
        """
        rest = copy(self)
        rest._taken = [
            (part, torch.from_numpy(of_part.astype(np.float32)).to(self.device))
            for part, of_part in zip(images, spectra, strict=True)
        ]
        return rest

    def __iter__(self) -> Iterator[_Part]:
        """Numbers of some channels, their transforms, and the median power of each beyond the longest baseline."""
        for numbers, cut, beyond in self._made():
            for images, spectra in self._taken:
                some = spectra[:, torch.from_numpy(numbers).to(self.device)].T.to(images.dtype)
                cut = cut - torch.tensordot(some, images, dims=1)
            yield numbers, cut, beyond

    def _made(self) -> Iterator[_Part]:
        if self._kept:
            yield from self._kept
            return
        for start in range(0, len(self.channels), self.chunk):
            numbers = self.channels[start : start + self.chunk]
            planes = np.nan_to_num(self.data[numbers]).astype(np.float32, copy=False)
            cut, beyond = self.grid.cut_and_beyond(torch.from_numpy(planes).to(self.device))
            blank = torch.zeros(len(cut), device=cut.device)
            part = numbers, cut, beyond.median(dim=1).values if beyond.shape[1] else blank
            if self._kept is not None:
                self._kept.append(part)
            yield part


def measure_noise(data: np.ndarray | Transforms, beam: Beam, chunk: int = CHUNK) -> Noise:
    """Measure the noise of a cube.

    Parameters
    ----------
    data : ndarray, shape (channel, y, x), or Transforms
        Jy/beam, NaN where there is none.
    beam : Beam
    chunk : int
        Channels that are transformed at a time.

    Raises
    ------
    CubefocusError
        If all channels are blank.
    """
    transforms = data if isinstance(data, Transforms) else Transforms(data, beam.grid, chunk=chunk)
    alive = transforms.channels
    if not len(alive):
        raise CubefocusError("all channels of the cube are blank: there is no noise to measure")
    shape, n_pixels = thermal_shape(beam), float(transforms.filled.sum())
    thermal = _Thermal(shape, math.prod(beam.grid.padded) / n_pixels)
    outside, within = _powers(transforms, thermal.weight)
    outside, within = outside / n_pixels, within / n_pixels
    white = float(np.median(outside))
    level = thermal.level(within, np.ones(len(within)), white)
    relative = np.full(len(transforms.data), np.inf)
    relative[alive] = 1.0
    if white > LEAST_WHITE * level:  # else it is what the edges of the image make of the other part
        found = np.sqrt(outside / white)
        # The power of a channel is known to a few per cent only: where all agree within that, they are equal.
        if np.std(found) >= SAME:
            relative[alive] = found
            both = found**2 if len(found) == 1 else 0.5 * (found[1:] ** 2 + found[:-1] ** 2)
            level = thermal.level(within, both, white)
    white = max(white, LEAST_WHITE * level)  # of a dirty cube with no noise but the visibilities'
    return _of_parts(white, level * shape, relative, beam)


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
    found = _of_parts(max(white**2, LEAST_WHITE * level), level * shape, np.ones(n_channels), beam)
    return replace(found, white=white, thermal=thermal)


def _of_parts(white: float, thermal: np.ndarray, relative: np.ndarray, beam: Beam) -> Noise:
    """Noise of a white power and one by spatial frequency (v, u)."""
    variance, sampled = _pixel_share(thermal, beam), np.where(beam.grid.inside, np.maximum(beam.density, 0.0), 0.0)
    endless = white + sampled * (variance / _pixel_share(sampled, beam))
    return Noise(white + thermal, relative, math.sqrt(white), math.sqrt(variance), endless)


def trusted(noise: Noise, beam: Beam) -> Noise:
    """The noise that a fit is weighted with: as it was measured, but nowhere next to none.

    Where white noise was added it is the same. It makes the errors of a cube with thermal noise alone a little larger
    than they could be, and keeps its fit from following what the model does not have. The tracks of few baselines lie
    apart, and smoothing takes their noise to be less than it is: the weights may be, but not what stands out of it.
    """
    least = LEAST_POWER * float(noise.power[beam.grid.inside].mean())
    power = np.maximum(noise.power, least)
    source = beam.grid.counts * beam.transfer.mean(axis=0) ** 2 / power
    level = float((source * leaked(noise, beam) / power).sum() / source.sum())
    return replace(noise, power=power * max(level, 1.0))


def leaked(noise: Noise, beam: Beam) -> np.ndarray:
    """Power of the noise by spatial frequency (v, u) in an image that ends, not smoothed.

    Of noise that is the same everywhere, an image has the power that the transform of its covariance gives, times the
    share of the pixels that have a neighbour at that offset (Blackman & Tukey 1958). With natural weights the
    covariance is the dirty beam.
    """
    grid = beam.grid
    covariance = grid.offsets(np.where(grid.inside, beam.density, 0.0))
    for axis, (size, padded) in enumerate(zip(grid.shape, grid.padded, strict=True)):
        pairs = np.maximum(1.0 - np.abs(np.fft.fftfreq(padded, 1.0 / padded)) / size, 0.0)
        covariance *= np.expand_dims(pairs, 1 - axis)
    # Below 0 by rounding, and where the longest baseline cut it off.
    thermal = np.where(grid.inside, np.maximum(grid.of_offsets(covariance), 0.0), 0.0)
    return noise.white**2 + thermal * (noise.thermal**2 / _pixel_share(thermal, beam))


def thermal_shape(beam: Beam) -> np.ndarray:
    """Power of the noise of the visibilities in an image that ends, by spatial frequency: mean 1, shape (v, u)."""
    # Of a dirty beam that ends with its image the transform is noise about 0 where nothing is sampled: smoothed first.
    shape = np.where(beam.grid.inside, np.maximum(smoothed(beam.density), 0.0), 0.0)
    return shape / shape[beam.grid.inside].mean()


def _pixel_share(shape: np.ndarray, beam: Beam) -> float:
    """Variance in a pixel of noise of this power: its mean over the whole plane of spatial frequencies."""
    return float((beam.grid.counts * shape).sum()) / math.prod(beam.grid.padded)


def _powers(transforms: Transforms, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Power beyond the longest baseline of each channel with data, and of halved differences of neighbours among them.

    Returns
    -------
    outside : ndarray, shape (channel with data,)
        Summed over the pixels; 0 where there is nothing beyond.
    within : ndarray, shape (difference,)
        The same of the differences, weighted over the cells (v, u); of the channel itself where there is but one.
    """
    by_cell = torch.from_numpy(weight.astype(np.float32)).to(transforms.device).flatten()
    outside, within, last = [], [], None
    for _, cut, beyond in transforms:
        outside.append(beyond.double().cpu() / MEDIAN_OF_POWER)
        both = cut if last is None else torch.cat([last, cut])
        last = both[-1:]
        neighbours, halves = (both[1:] - both[:-1], 2.0) if len(transforms.channels) > 1 else (cut, 1.0)
        within.append((squared(neighbours).flatten(1) @ by_cell).double().cpu() / halves)
    return torch.cat(outside).numpy(), torch.cat(within).numpy()


def smoothed(power: np.ndarray) -> np.ndarray:
    """Power smoothed over neighbouring spatial frequencies, on the half plane of columns from 0."""
    mirrored = np.roll(power[::-1], 1, axis=0)[:, :0:-1]
    whole = gaussian_filter(np.concatenate([mirrored, power], axis=1), SMOOTHING, mode=("wrap", "nearest"))
    return whole[:, mirrored.shape[1] :]


class _Thermal:
    """Level of the thermal part above the white one, from powers of differences of channels."""

    def __init__(self, shape: np.ndarray, overlap: float) -> None:
        """Take the shape of the thermal part (v, u), and the cells of the grid for each number that the image gives."""
        self.shape, self.overlap = shape, overlap
        # Least squares without weights, so that what is strong decides: the rarest baselines, whose scatter is less,
        # are known worst.
        self.weight = shape / (shape**2).sum()

    def level(self, within: np.ndarray, relative: np.ndarray, white: float) -> float:
        """Level of the thermal part.

        Parameters
        ----------
        within : ndarray, shape (difference,)
            Power of differences of channels, weighted by `weight` over the cells.
        relative : ndarray, shape (difference,)
            Power of the noise of each over that of the white part.
        white : float
        """
        levels = within / relative - white * self.weight.sum()
        level = max(float(np.quantile(levels, QUANTILE)), 0.0)
        # A power scatters by as much as it is. Where the quantile of so many normal deviates lies is due to Blom.
        scatter = math.sqrt(self.overlap * float(((self.weight * (white + level * self.shape)) ** 2).sum()))
        place = (QUANTILE * (len(levels) - 1) + 0.625) / (len(levels) + 0.25)
        return max(float(np.quantile(levels, QUANTILE)) - float(ndtri(place)) * scatter, 0.0)
