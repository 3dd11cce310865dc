"""Images of windows of channels, as many as are asked for: what the network of the search learns from.

A cube is linear in the sky, so that the sum of a window of its channels is

    PSF (*) (primary beam x sky of the window) + noise of one plane

or, restored, the restoring beam in the place of the PSF for what lies above the depth of CLEAN. Each image has its own
seed, so that any of them can be drawn again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import gaussian_filter

from cubefocus.cube.scale import SIGMA_TO_FWHM
from cubefocus.general.plane import Plane
from cubefocus.general.sources import draw_source, drawn_type, log_uniform
from cubefocus.search.bands import over_noise, resampled
from cubefocus.settings import DrawSettings
from cubefocus.sky.emission import Frame

CHANNELS = 12  # of the band that a source whose line moves across it is drawn in, before a window is cut out
LEVEL = 0.5  # of its highest pixel, from which on a source is seen in a pixel
ALL_THERMAL, ALL_WHITE = 0.4, 0.2  # shares of images with one kind of noise alone
FAINTEST = 1e-3  # of what a source shows in a window or behind the instrument, in its own units: below it is nothing
TILTED, TILT = 0.5, 0.3  # share of images whose noise is not quite the same everywhere, and by how much (logarithm)
ROUND = 0.25  # share of images that are blank outside of a circle


@dataclass(frozen=True, eq=False)
class Drawer:
    """Draws images.

    Attributes
    ----------
    planes : sequence of Plane
        Set-ups, of which each image has one.
    settings : DrawSettings
    seed : int
    """

    planes: Sequence[Plane]
    settings: DrawSettings
    seed: int

    def draw(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Image of a number and where sources are seen in it.

        Parameters
        ----------
        number : int
            From 0; the same number gives the same image.

        Returns
        -------
        image : ndarray of float32, shape (image_size, image_size)
            In units of its noise; 0 where it is blank.
        seen : ndarray of float32, same shape
            1 where a source is seen, else 0.
        """
        rng = np.random.default_rng(np.random.SeedSequence([self.seed, number]))
        plane = self.planes[int(rng.integers(len(self.planes)))]
        skies, signs = self._skies(plane, rng)
        image, each = self._observed(plane, skies, signs, rng)
        held = resampled(torch.from_numpy(plane.held.astype(np.float32))[None], self._factor(plane))[0].numpy() > 0.5
        seen = _seen(each, signs, image.shape)
        image, held, seen = self._cut((image, held, seen), rng)
        if rng.uniform() < ROUND:
            held = held & _circle(self.settings.image_size, rng)
        shown = over_noise(_tilted(image, rng), held)
        return shown, (seen & held).astype(np.float32)

    def _factor(self, plane: Plane) -> float:
        return self.settings.beam / plane.width

    def _skies(self, plane: Plane, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Skies of the sources of an image, each of peak 1, shape (source, y, x), and the sign of each."""
        settings, n_pixels = self.settings, plane.n_pixels
        low, high = settings.n_sources
        number = 0 if rng.uniform() < settings.empty_fraction else int(rng.integers(low, high, endpoint=True))
        skies, signs = np.zeros((number, n_pixels, n_pixels), np.float32), np.ones(number)
        frame = Frame(CHANNELS, n_pixels, np.ones(CHANNELS))
        rows, columns = np.nonzero(plane.held)
        for one in range(number):
            kind = drawn_type(settings.types, rng)
            size = plane.width * log_uniform(*settings.size, rng)
            fwhm = log_uniform(1.0, 2.0 * CHANNELS, rng)
            source = draw_source(kind, size, plane.width * settings.size[1], fwhm, CHANNELS, rng)
            at = int(rng.integers(len(rows)))
            source["x"], source["y"] = columns[at], rows[at]
            emission = kind.emission(source, frame)
            first = int(rng.integers(CHANNELS))
            channels = slice(first, int(rng.integers(first, CHANNELS)) + 1)
            if emission.separable:
                skies[one][emission.window] = emission.image
                signs[one] = -1.0 if kind.name == "absorption" and rng.uniform() < 0.5 else 1.0
            else:
                line = emission.line[channels].sum(axis=0)
                flat = emission.image * emission.continuum[channels].sum() if rng.uniform() < 0.5 else 0.0
                skies[one][emission.window] = line + flat
            peak = float(skies[one].max())
            if peak > FAINTEST:
                skies[one] /= peak
            else:  # its line is elsewhere in the band
                skies[one], signs[one] = 0.0, 0.0
        return skies, signs

    def _observed(
        self, plane: Plane, skies: np.ndarray, signs: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Image with its noise, and each source alone without, at the network's pixels, in units of the noise there."""
        factor, sigma = self._factor(plane), self.settings.beam / SIGMA_TO_FWHM
        noise = _noise(plane, rng)
        there = _at(noise, factor)
        noise, there = noise / there.std(), there / there.std()
        alone = plane.dirty(skies)
        each = resampled(torch.from_numpy(alone), factor).numpy() if len(alone) else np.zeros((0, *there.shape))
        level = float(gaussian_filter(there, sigma).std())
        amplitudes = np.zeros(len(each), np.float32)
        for number, image in enumerate(each):
            peak = float(gaussian_filter(image, sigma).max())
            snr = log_uniform(*self.settings.snr, rng)
            amplitudes[number] = snr * level / peak if peak > FAINTEST else 0.0
        weights = (amplitudes * signs).astype(np.float32)
        if rng.uniform() < self.settings.restored:
            depth = float(noise.std()) * log_uniform(*self.settings.clean_depth, rng)
            signal = _cleaned(plane, np.tensordot(weights, skies, 1), depth)
        else:
            signal = np.tensordot(weights, alone, 1)
        return there + _at(signal, factor), each

    def _cut(self, images: Sequence[np.ndarray], rng: np.random.Generator) -> list[np.ndarray]:
        """The same random square of some images; filled up with 0 where they are smaller."""
        size = self.settings.image_size
        room = max(images[0].shape[0] - size, 0)
        missing = max(size - images[0].shape[0], 0)
        y, x = rng.integers(0, room, 2, endpoint=True)
        below, left = rng.integers(0, missing, 2, endpoint=True)
        pad = ((below, missing - below), (left, missing - left))
        return [np.pad(image[y : y + size, x : x + size], pad) for image in images]


def _at(image: np.ndarray, factor: float) -> np.ndarray:
    return resampled(torch.from_numpy(np.ascontiguousarray(image, dtype=np.float32))[None], factor)[0].numpy()


def _noise(plane: Plane, rng: np.random.Generator) -> np.ndarray:
    """Noise of one plane, thermal, white or both, of standard deviation 1, shape (y, x)."""
    kind = rng.uniform()
    share = 1.0 if kind < ALL_THERMAL else 0.0 if kind < ALL_THERMAL + ALL_WHITE else float(rng.uniform())
    total = np.zeros((plane.n_pixels, plane.n_pixels), np.float32)
    if share > 0:
        thermal = plane.thermal(int(rng.integers(2**31)))
        total += math.sqrt(share) * thermal / thermal.std()
    if share < 1:
        total += math.sqrt(1.0 - share) * rng.standard_normal(total.shape, dtype=np.float32)
    return total


def _cleaned(plane: Plane, sky: np.ndarray, depth: float) -> np.ndarray:
    """A sky restored after CLEAN down to a depth in Jy/beam, without noise: what lies below is left as it was."""
    seen = np.abs(plane.restored(sky[None])[0])
    above = sky * np.clip(1.0 - depth / np.maximum(seen, 1e-9), 0.0, 1.0)
    return plane.restored(above[None])[0] + plane.dirty((sky - above)[None])[0]


def _seen(each: np.ndarray, signs: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Where any source that is no absorber is brighter than a share of its highest pixel."""
    seen = np.zeros(shape, dtype=bool)
    for image, sign in zip(each, signs, strict=True):
        if sign > 0 and image.max() > FAINTEST:
            seen |= image >= LEVEL * image.max()
    return seen


def _tilted(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """An image whose noise is no longer the same everywhere, as if it was divided by a primary beam not well known."""
    if rng.uniform() >= TILTED:
        return image
    tilt, half = float(rng.uniform(-TILT, TILT)), 0.5 * (len(image) - 1)
    offset = (np.arange(len(image)) - half) / half
    return (image * np.exp(tilt * (offset[:, None] ** 2 + offset[None] ** 2))).astype(np.float32)


def _circle(size: int, rng: np.random.Generator) -> np.ndarray:
    """A circle that covers most of a square, bool."""
    radius, (y, x) = size * float(rng.uniform(0.35, 0.6)), size * rng.uniform(0.4, 0.6, 2)
    offset = np.arange(size)
    return (offset[:, None] - y) ** 2 + (offset[None] - x) ** 2 < radius**2
