"""Cubes of held-out set-ups with sources at known voxels, dirty or cleaned, on which proposers are compared."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.ndimage import gaussian_filter, gaussian_filter1d

from cubefocus.cube.cube import Cube
from cubefocus.cube.scale import SIGMA_TO_FWHM
from cubefocus.engines.fft import FourierOperator
from cubefocus.general.hogbom import components
from cubefocus.general.plane import transfer_of
from cubefocus.general.sources import draw_source, drawn_type, log_uniform
from cubefocus.instrument.response import Response
from cubefocus.settings import ComparisonSettings
from cubefocus.sky.emission import Frame
from cubefocus.sky.registry import SKY_TYPES

LARGEST_SIZE = 1.0  # standard deviation of the largest sources in FWHM of the beam
SMALLEST_SIZE = 0.1
LEAST_BEAM = 0.3  # of the primary beam at a source
APART = 2.5  # FWHM of the beam that sources keep from each other, so that each can be found by itself
TRIES = 200
LINE_ALONE, BOTH = 0.5, 0.3  # shares of sources with a line alone, and with a line on a continuum; the rest has no line
WIDEST_LINE = 0.6  # of the band
LEVEL = 0.2  # of a source's brightest voxel behind the restoring beam, from which on a voxel is its


@dataclass(frozen=True, eq=False)
class Made:
    """A cube and what is in it.

    Attributes
    ----------
    cube : Cube
        In units of the noise of a voxel.
    owner : ndarray of int16, shape (channel, y, x)
        Number of the source that a voxel belongs to, from 1; 0 where there is none.
    sources : list of dict
        type, snr, fwhm_z, size (beams), x, y, z and kind of emission of each, in the order of their numbers.
    """

    cube: Cube
    owner: np.ndarray
    sources: list[dict[str, Any]]


class Maker:
    """Makes the cubes of a set-up.

    Parameters
    ----------
    response : Response
    settings : ComparisonSettings
    seed : int
    """

    def __init__(self, response: Response, settings: ComparisonSettings, seed: int) -> None:
        self.response, self.settings, self.seed = response, settings, seed
        self.operator = FourierOperator(response)
        self.primary_beam = response.primary_beam()
        self.held = self.primary_beam >= response.observation.pblimit
        cell = response.observation.cell_arcsec
        major, minor, _ = np.median(response.beams, axis=0)
        self.width = math.sqrt(major * minor) / cell

    def make(self, number: int, restored: bool) -> Made:
        """Make a cube.

        Parameters
        ----------
        number : int
            Of the cube: the same gives the same cube.
        restored : bool
            Whether it is cleaned, else it is dirty. Every second one of both is divided by the primary beam.
        """
        rng = np.random.default_rng(np.random.SeedSequence([self.seed, *self.response.shape, number]))
        noise = self._noise(rng)
        smoothed = self._smooth(noise)
        sky, owner, sources = np.zeros(self.response.shape, np.float32), np.zeros(self.response.shape, np.int16), []
        for source, voxels in self._sources(rng):
            alone = self._observed(voxels)
            snr = log_uniform(*self.settings.snr, rng)
            scale = snr / self._snr(alone, smoothed, source["fwhm_z"])
            sky += np.float32(scale) * voxels
            sources.append({**source, "snr": snr})
            shown = self._smooth(voxels * self.primary_beam)
            owner[(shown >= LEVEL * shown.max()) & (owner == 0)] = len(sources)
        data = (noise + self._observed(sky)).astype(np.float32)
        if restored:
            data = self._cleaned(data)
        data = np.where(self.held, data, np.nan)
        if number % 4 >= 2:
            data = data / self.primary_beam
        return Made(Cube(data.astype(np.float32), self.response.header()), owner, sources)

    def _cleaned(self, dirty: np.ndarray) -> np.ndarray:
        """The cube restored after CLEAN, each channel with its own beam."""
        psf, cell = self.response.psf(), self.response.observation.cell_arcsec
        restored = np.empty_like(dirty)
        for channel, (major, minor, angle) in enumerate(self.response.beams.tolist()):
            held = self.held[channel]
            model, residual = components(dirty[channel], psf[channel], held, self.settings.clean_depth)
            size = 2 * dirty.shape[1]
            transfer = transfer_of((major / cell, minor / cell, angle), size)
            shown = torch.fft.irfft2(
                torch.fft.rfft2(torch.from_numpy(model), s=(size, size)) * transfer, s=(size, size)
            )
            restored[channel] = residual + shown[: dirty.shape[1], : dirty.shape[2]].numpy()
        return restored

    def _observed(self, sky: np.ndarray) -> np.ndarray:
        return self.operator.observe(torch.from_numpy(sky)[None], blank=False)[0].numpy()

    def _noise(self, rng: np.random.Generator) -> np.ndarray:
        """Thermal noise, and as often some white noise besides, of standard deviation 1."""
        nothing = torch.zeros(1, *self.response.shape)
        thermal = self.operator.observe(nothing, [int(rng.integers(2**31))], blank=False)[0].numpy()
        share = 1.0 if rng.uniform() < 0.5 else float(rng.uniform())
        white = rng.standard_normal(thermal.shape, dtype=np.float32)
        return math.sqrt(share) * thermal / thermal.std() + math.sqrt(1.0 - share) * white

    def _smooth(self, data: np.ndarray) -> np.ndarray:
        """Each channel smoothed with the beam."""
        sigma = self.width / SIGMA_TO_FWHM
        return gaussian_filter(data, (0.0, sigma, sigma), truncate=3.0)

    def _snr(self, alone: np.ndarray, noise: np.ndarray, fwhm: float) -> float:
        """Highest signal-to-noise ratio of a source in the cube smoothed with the beam and its line, or its band.

        ``noise`` is smoothed with the beam already.
        """
        signal, rest = self._smooth(alone), noise
        if math.isnan(fwhm):
            signal, rest = signal.sum(axis=0), rest.sum(axis=0)
        else:
            signal, rest = (
                gaussian_filter1d(one, fwhm / SIGMA_TO_FWHM, axis=0, truncate=3.0) for one in (signal, rest)
            )
        return max(float(signal.max()), 1e-6) / float(rest.std())

    def _sources(self, rng: np.random.Generator) -> list[tuple[dict[str, Any], np.ndarray]]:
        """Draw sources that keep apart from each other, with their sky."""
        settings, (n_channels, n_pixels, _) = self.settings, self.response.shape
        if rng.uniform() < settings.empty_fraction:
            return []
        frame, drawn = Frame(n_channels, n_pixels, np.ones(n_channels)), []
        for place in self._places(int(rng.integers(*settings.n_sources, endpoint=True)), rng):
            kind = drawn_type(settings.types, rng)
            size = log_uniform(SMALLEST_SIZE, LARGEST_SIZE, rng)
            low, high = settings.line_fwhm
            fwhm = log_uniform(low, min(high, WIDEST_LINE * n_channels), rng)
            source = draw_source(kind, size * self.width, LARGEST_SIZE * self.width, fwhm, n_channels, rng)
            source["x"], source["y"] = place
            what, voxels = self._voxels(source, frame, rng)
            told = {"type": kind.name, "emission": what, "x": place[0], "y": place[1], "z": source["z"]}
            drawn.append((told | {"size": size, "fwhm_z": math.nan if what == "continuum" else fwhm}, voxels))
        return drawn

    def _places(self, number: int, rng: np.random.Generator) -> list[tuple[int, int]]:
        rows, columns = np.nonzero(self.primary_beam.min(axis=0) > LEAST_BEAM)
        margin = self.width
        inside = (np.minimum(rows, columns) > margin) & (np.maximum(rows, columns) < self.response.shape[1] - margin)
        rows, columns = rows[inside], columns[inside]
        places: list[tuple[int, int]] = []
        for _ in range(TRIES):
            at = int(rng.integers(len(rows)))
            x, y = int(columns[at]), int(rows[at])
            if all(math.hypot(x - other[0], y - other[1]) > APART * self.width for other in places):
                places.append((x, y))
            if len(places) == number:
                break
        return places

    def _voxels(self, source: Mapping[str, Any], frame: Frame, rng: np.random.Generator) -> tuple[str, np.ndarray]:
        """What a source emits, and its sky, Jy/pixel of any scale."""
        emission = SKY_TYPES[source["type"]].emission(dict(source), frame)
        draw = rng.uniform()
        what = "line" if draw < LINE_ALONE else "both" if draw < LINE_ALONE + BOTH else "continuum"
        sky = np.zeros((frame.n_channels, frame.n_pixels, frame.n_pixels), np.float32)
        line = emission.line[:, None, None] * emission.image if emission.separable else emission.line
        flat = emission.continuum[:, None, None] * emission.image
        parts = {"line": line, "both": line + flat, "continuum": flat}
        sky[:, *emission.window] = parts[what]
        return what, sky / np.float32(max(float(np.abs(sky).max()), 1e-9))
