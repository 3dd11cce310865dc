"""A small interferometer whose dirty cubes are exact sums over its baselines, and noise of known power.

Nothing here knows of grids, convolutions or transforms of images: what a source looks like follows from its
visibilities, which for a Gaussian are a closed formula.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import pytest

from cubefocus.fit.beam import Beam
from cubefocus.fit.model import Scene
from cubefocus.fit.noise import Noise
from cubefocus.fit.source import Component, cov_of

N_PIXELS, N_CHANNELS = 64, 16
FWHM = math.sqrt(8.0 * math.log(2.0))


@dataclass(frozen=True)
class Truth:
    """A source: an elliptical Gaussian (pixels, deg from +x clockwise with y up) times a continuum (Jy in the middle
    channel), a power law and lines (peak in Jy, centre and FWHM in channels)."""

    x: float = 30.0
    y: float = 34.0
    sigma_x: float = 2.5
    sigma_y: float = 1.8
    pa: float = 30.0
    continuum: float = 1.0
    lines: tuple[tuple[float, float, float], ...] = ((3.0, 7.0, 4.0),)
    index: float = 0.0

    def spectrum(self, frequencies_hz: np.ndarray) -> np.ndarray:
        """Jy, shape (channel,)."""
        channel = np.arange(len(frequencies_hz))
        total = np.full(len(channel), self.continuum)
        for peak, z, fwhm in self.lines:
            total = total + peak * np.exp(-4.0 * math.log(2.0) * ((channel - z) / fwhm) ** 2)
        return total * (frequencies_hz[len(channel) // 2] / frequencies_hz) ** self.index

    def visibilities(self, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        """Of 1 Jy at spatial frequencies in cycles a pixel along +x and +y."""
        cos, sin = math.cos(math.radians(self.pa)), math.sin(math.radians(self.pa))
        along, across = u * cos - v * sin, u * sin + v * cos
        size = (self.sigma_x * along) ** 2 + (self.sigma_y * across) ** 2
        return np.exp(-2.0 * np.pi**2 * size - 2j * np.pi * (u * self.x + v * self.y))


@dataclass(frozen=True, eq=False)
class UvInstrument:
    """Baselines of an ellipse on the plane of spatial frequencies, and what they see.

    Attributes
    ----------
    n_pixels, n_channels : int
    u, v : ndarray, shape (baseline,)
        Cycles a pixel in the middle channel.
    bandwidth : float
        Of the whole band, over its middle frequency.
    scaled : bool
        Whether baselines grow with frequency, as real ones do.
    """

    n_pixels: int = N_PIXELS
    n_channels: int = N_CHANNELS
    u: np.ndarray = field(default_factory=lambda: baselines()[0])
    v: np.ndarray = field(default_factory=lambda: baselines()[1])
    bandwidth: float = 0.01
    scaled: bool = False
    _kept: dict[tuple[int, int, int], tuple[np.ndarray, ...]] = field(default_factory=dict, repr=False)

    @property
    def frequencies_hz(self) -> np.ndarray:
        offset = (np.arange(self.n_channels) - self.n_channels // 2) / max(self.n_channels, 1)
        return 230e9 * (1.0 + self.bandwidth * offset)

    def uv(self, channel: int) -> tuple[np.ndarray, np.ndarray]:
        """Spatial frequencies of a channel, cycles a pixel."""
        ratio = self.frequencies_hz[channel] / self.frequencies_hz[self.n_channels // 2] if self.scaled else 1.0
        return self.u * ratio, self.v * ratio

    def image(self, visibilities: np.ndarray, channel: int, first: int = 0, n: int = 0) -> np.ndarray:
        """Dirty image of visibilities, natural weights: mean of their waves on pixels first, first + 1, ... (y, x)."""
        along_y, along_x = self._waves(channel if self.scaled else self.n_channels // 2, first, n or self.n_pixels)
        seen = along_y * visibilities
        return (seen.real @ along_x.real.T - seen.imag @ along_x.imag.T) / len(self.u)

    def _waves(self, channel: int, first: int, n: int) -> tuple[np.ndarray, np.ndarray]:
        key = channel, first, n
        if key not in self._kept:
            at = np.arange(n) + first
            self._kept[key] = tuple(np.exp(2j * np.pi * np.outer(at, k)) for k in reversed(self.uv(channel)))
        return self._kept[key]

    def psf(self) -> np.ndarray:
        """Dirty beam on twice the image, its peak at pixel (n, n); one for the band unless baselines are `scaled`."""
        channels = range(self.n_channels) if self.scaled else [self.n_channels // 2]
        size = 2 * self.n_pixels
        return np.stack([self.image(np.ones(len(self.u)), c, -self.n_pixels, size) for c in channels])

    def beam(self, change: float = 0.02, primary_beam: np.ndarray | None = None) -> Beam:
        """What the fit is given of the instrument."""
        shape = (self.n_channels, self.n_pixels, self.n_pixels)
        half = math.ceil(max(np.abs(np.concatenate(self.uv(self.n_channels - 1))).max(), np.abs(self.u).max())
                         * 2 * self.n_pixels) + 2  # fmt: skip
        return Beam.of_psf(self.psf(), shape, change, (half, half), primary_beam=primary_beam)

    def dirty(self, *sources: Truth) -> np.ndarray:
        """Noise-free dirty cube, Jy/beam, shape (channel, y, x)."""
        cube = np.zeros((self.n_channels, self.n_pixels, self.n_pixels))
        for source in sources:
            spectrum = source.spectrum(self.frequencies_hz)
            if self.scaled:
                images = [self.image(source.visibilities(*self.uv(c)), c) for c in range(self.n_channels)]
            else:
                images = [self.image(source.visibilities(self.u, self.v), 0)]
            cube += spectrum[:, None, None] * np.stack(images)
        return cube

    def noise(self, rng: np.random.Generator, white: float = 0.0, thermal: float = 0.0) -> np.ndarray:
        """White noise, and noise of the visibilities, of standard deviations in a pixel, shape (channel, y, x)."""
        cube = rng.normal(0.0, white, (self.n_channels, self.n_pixels, self.n_pixels))
        if thermal > 0:
            for channel in range(self.n_channels):
                parts = rng.normal(0.0, thermal * math.sqrt(len(self.u)), (2, len(self.u)))
                cube[channel] += self.image(parts[0] + 1j * parts[1], channel)
        return cube

    def known_noise(self, beam: Beam, white: float) -> Noise:
        """White noise of a known standard deviation, not measured."""
        return Noise(np.full(beam.grid.inside.shape, white**2), np.ones(self.n_channels), white, 0.0)

    def scene(self, cube: np.ndarray, beam: Beam, white: float | None = None) -> Scene:
        """A cube ready to be fitted; its noise is measured if it is not given."""
        noise = None if white is None else self.known_noise(beam, white)
        return Scene.of(cube.astype(np.float32), beam, self.frequencies_hz, noise)

    def component(self, source: Truth) -> Component:
        """The source as the fit describes it."""
        one = Component.of(source.x, source.y, cov_of(source.sigma_x, source.sigma_y, source.pa),
                           [line[1:] for line in source.lines], source.continuum)  # fmt: skip
        values = one.values.copy()
        values[6], values[7::3] = source.index, [line[0] for line in source.lines]
        return Component(values)


def baselines(n: int = 900) -> tuple[np.ndarray, np.ndarray]:
    """Baselines whose density is an elliptical Gaussian, cut at 2.6 standard deviations: a beam of about 8 by 6 pixels.

    They lie on a spiral of the golden angle, which is as even as few baselines can be.
    """
    number = np.arange(n) + 0.5
    radius = np.sqrt(-2.0 * np.log(1.0 - (1.0 - math.exp(-0.5 * 2.6**2)) * number / n))
    angle = math.pi * (3.0 - math.sqrt(5.0)) * number
    along, across = 0.062 * radius * np.cos(angle), 0.046 * radius * np.sin(angle)
    turn = math.radians(25.0)
    return along * math.cos(turn) - across * math.sin(turn), along * math.sin(turn) + across * math.cos(turn)


@pytest.fixture(scope="session")
def uv() -> UvInstrument:
    """One dirty beam for the band."""
    return UvInstrument()


@pytest.fixture(scope="session")
def uv_beam(uv: UvInstrument) -> Beam:
    return uv.beam()
