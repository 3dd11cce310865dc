"""What one source adds to a sky cube: a small image times spectra, or a line that is not separable."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from cubefocus.cube.scale import SIGMA_TO_FWHM
from cubefocus.instrument.observation import Observation

REACH = 6.0
"""Half side of a source's window in standard deviations: exp(-18) = 1.5e-8 of its peak is cut off."""

Window = tuple[slice, slice]


@dataclass(frozen=True)
class Frame:
    """Pixel and channel grid that sources are drawn on.

    Attributes
    ----------
    n_channels, n_pixels : int
        Size of the cube (n_channels, n_pixels, n_pixels).
    frequency_ratio : ndarray, shape (n_channels,)
        nu_0 / nu of each channel, nu_0 being the frequency of channel 0.
    """

    n_channels: int
    n_pixels: int
    frequency_ratio: np.ndarray

    @classmethod
    def of(cls, observation: Observation) -> Frame:
        """Grid of an observing set-up."""
        frequencies = observation.frequencies_hz
        return cls(observation.n_channels, observation.n_pixels, frequencies[0] / frequencies)

    def window(self, x: float, y: float, half_x: float, half_y: float) -> Window:
        """Rows and columns within ``half_y`` and ``half_x`` pixels of a position, clipped to the image."""
        return self._range(y, half_y), self._range(x, half_x)

    def _range(self, centre: float, half: float) -> slice:
        first = min(max(math.floor(centre - half), 0), self.n_pixels)
        return slice(first, max(min(math.ceil(centre + half) + 1, self.n_pixels), first))


@dataclass(frozen=True)
class Emission:
    """One source on its window, before the cube is scaled to the observation's brightness.

    Attributes
    ----------
    window : (slice, slice)
        Rows and columns of the cube that the source covers.
    image : ndarray, shape (y, x)
        Shape of the continuum (and of a separable line) in the window.
    continuum : ndarray, shape (channel,)
        Continuum spectrum that multiplies the image.
    line : ndarray, shape (channel,) or (channel, y, x)
        Line spectrum that multiplies the image, or the voxels of a line that is not separable.
    """

    window: Window
    image: np.ndarray
    continuum: np.ndarray
    line: np.ndarray

    @property
    def separable(self) -> bool:
        """Whether the whole source is one image times one spectrum."""
        return self.line.ndim == 1

    def voxels(self) -> np.ndarray:
        """The source in its window, float32, shape (channel, y, x)."""
        spectrum = self.continuum + self.line if self.separable else self.continuum
        voxels = spectrum.astype(np.float32)[:, np.newaxis, np.newaxis] * self.image.astype(np.float32)
        return voxels if self.separable else voxels + self.line

    def add_to(self, cube: np.ndarray) -> None:
        """Add the source to a cube of shape (channel, y, x), in place."""
        cube[:, *self.window] += self.voxels()

    def integrated(self) -> np.ndarray:
        """The source summed over all channels, in its window, shape (y, x); no cube is made for a separable one."""
        if self.separable:
            return self.image * (self.continuum + self.line).sum()
        return self.image * self.continuum.sum() + self.line.sum(axis=0, dtype=float)

    def continuum_spectrum(self) -> np.ndarray:
        """Continuum summed over the window, shape (channel,)."""
        return self.continuum * self.image.sum()

    def line_spectrum(self) -> np.ndarray:
        """Line, without the continuum, summed over the window, shape (channel,)."""
        return self.line * self.image.sum() if self.separable else self.line.sum(axis=(1, 2), dtype=float)

    def at(self, channel: int, y: int, x: int) -> float:
        """Value of one voxel of the cube, 0 outside the window."""
        rows, columns = self.window
        if not (rows.start <= y < rows.stop and columns.start <= x < columns.stop):
            return 0.0
        pixel = y - rows.start, x - columns.start
        line = self.line[channel] * self.image[pixel] if self.separable else self.line[channel, *pixel]
        return float(self.continuum[channel] * self.image[pixel] + line)


def rotated_offsets(window: Window, x: float, y: float, pa: float) -> tuple[np.ndarray, np.ndarray]:
    """Offsets from a position along the axes of a source: x' = dx cos - dy sin, y' = dx sin + dy cos (MNRAS Eq. 4).

    Parameters
    ----------
    window : (slice, slice)
        Rows and columns of the image.
    x, y : float
        Position in pixels.
    pa : float
        Angle of the x' axis in degrees, from +x clockwise as seen with y up.

    Returns
    -------
    ndarray, ndarray, shape (y, x)
        Pixels.
    """
    dy = np.arange(window[0].start, window[0].stop)[:, np.newaxis] - y
    dx = np.arange(window[1].start, window[1].stop)[np.newaxis, :] - x
    cos, sin = math.cos(math.radians(pa)), math.sin(math.radians(pa))
    return dx * cos - dy * sin, dx * sin + dy * cos


def ellipse_window(frame: Frame, x: float, y: float, sigma_x: float, sigma_y: float, pa: float) -> Window:
    """Window that holds `REACH` standard deviations of a rotated ellipse, not more."""
    cos, sin = math.cos(math.radians(pa)), math.sin(math.radians(pa))
    half_x = REACH * math.hypot(sigma_x * cos, sigma_y * sin)
    return frame.window(x, y, half_x, REACH * math.hypot(sigma_x * sin, sigma_y * cos))


def gaussian_image(window: Window, x: float, y: float, sigma_x: float, sigma_y: float, pa: float) -> np.ndarray:
    """Elliptical Gaussian of peak 1 (MNRAS Eq. 3, whose "FWHM" is a standard deviation), shape (y, x)."""
    along, across = rotated_offsets(window, x, y, pa)
    return np.exp(-0.5 * ((along / sigma_x) ** 2 + (across / sigma_y) ** 2))


def line_profile(n_channels: int, z: float, fwhm_z: float) -> np.ndarray:
    """Gaussian line of peak 1 at channel ``z``, ``fwhm_z`` channels wide, shape (n_channels,)."""
    return np.exp(-0.5 * ((np.arange(n_channels) - z) / (fwhm_z / SIGMA_TO_FWHM)) ** 2)


def shifted_lines(n_channels: int, centres: np.ndarray, sigmas: np.ndarray, peaks: np.ndarray) -> np.ndarray:
    """Gaussian lines whose centre, width and peak differ from pixel to pixel.

    Parameters
    ----------
    n_channels : int
    centres : ndarray, shape (y, x)
        Line centre of each pixel in channels.
    sigmas : ndarray, shape (y, x)
        Standard deviation of the line of each pixel in channels.
    peaks : ndarray, shape (y, x)
        Peak of the line of each pixel.

    Returns
    -------
    ndarray of float32, shape (n_channels, y, x)
    """
    channels = np.arange(n_channels, dtype=np.float32)[:, np.newaxis, np.newaxis]
    scaled = (channels - centres.astype(np.float32)) / sigmas.astype(np.float32)
    # Below exp(-50) float32 has nothing to add, and its denormal numbers are slow.
    return np.exp(np.maximum(-0.5 * scaled**2, -50.0)) * peaks.astype(np.float32)
