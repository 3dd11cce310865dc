"""Extended diffuse emission: a wide envelope filled with structure on all scales."""

from __future__ import annotations

import math

import numpy as np

from cubefocus.sky.base import Ranges, power_law, uniform
from cubefocus.sky.columns import Source
from cubefocus.sky.emission import REACH, Emission, Frame, Window, gaussian_image
from cubefocus.sky.separable import Gaussian, shape_of
from cubefocus.tables.columns import Column

CONTRAST = 0.7
"""Standard deviation of the logarithm of the brightness around the envelope."""


class Diffuse(Gaussian):
    """Wide, faint Gaussian envelope times a log-normal random field whose power falls as a power of the frequency."""

    name = "diffuse"
    columns = (
        Column("texture_slope", None, "arith.factor", float,
               "power of the texture's logarithm falls as spatial frequency^-slope"),
        Column("texture_seed", None, "meta.number", np.int64, "seed of the texture"),
    )  # fmt: skip

    def draw_more(self, ranges: Ranges, rng: np.random.Generator) -> Source:
        """Draw the envelope, wider and fainter than a compact source, and its texture."""
        return {
            "amplitude": uniform(ranges, "diffuse_amplitude", rng),
            "sigma_x": uniform(ranges, "diffuse_sigma", rng),
            "sigma_y": uniform(ranges, "diffuse_sigma", rng),
            "texture_slope": uniform(ranges, "texture_slope", rng),
            "texture_seed": int(rng.integers(2**31)),
        }

    def emission(self, source: Source, frame: Frame) -> Emission:
        """Emission of the textured envelope, of peak 1 in the image, with the line of a Gaussian source."""
        half = math.ceil(REACH * max(source["sigma_x"], source["sigma_y"]))
        window = frame.window(source["x"], source["y"], half, half)
        image = gaussian_image(window, *shape_of(source)) * _texture(source, half, window)
        continuum = power_law(source, frame)
        return Emission(window, image / image.max(), continuum, continuum * self.line(source, frame))


def _texture(source: Source, half: int, window: Window) -> np.ndarray:
    """Cut the window's part out of the texture around a source, so that the image's edge does not change it."""
    size = 2 * half + 3
    texture = random_texture(size, source["texture_slope"], np.random.default_rng(source["texture_seed"]))
    y0 = window[0].start - (math.floor(source["y"]) - half - 1)
    x0 = window[1].start - (math.floor(source["x"]) - half - 1)
    return texture[y0 : y0 + window[0].stop - window[0].start, x0 : x0 + window[1].stop - window[1].start]


def random_texture(size: int, slope: float, rng: np.random.Generator) -> np.ndarray:
    """Log-normal random field.

    Parameters
    ----------
    size : int
        Side in pixels.
    slope : float
        The power spectrum of the logarithm falls as spatial frequency to the power of -slope.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, shape (size, size)
        Positive; its logarithm has zero mean and standard deviation `CONTRAST`.
    """
    frequency = np.hypot(np.fft.fftfreq(size)[:, np.newaxis], np.fft.rfftfreq(size)[np.newaxis, :])
    frequency[0, 0] = np.inf
    filtered = np.fft.rfft2(rng.standard_normal((size, size))) * frequency ** (-0.5 * slope)
    field = np.fft.irfft2(filtered, s=(size, size))
    return np.exp(CONTRAST * field / field.std())
