"""Small synthetic dirty cubes, and a chain whose networks are replaced by what a perfect network would say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
from astropy.io import fits

from cubefocus.alma.blobs import find_blobs
from cubefocus.alma.chain import Chain
from cubefocus.cube.cube import Cube
from cubefocus.cube.cutouts import box_spectra, integrate, scale01
from cubefocus.settings import DetectionSettings

N_PIXELS, N_CHANNELS = 96, 40


@dataclass
class Source:
    """A Gaussian in the image and in frequency, on a flat continuum."""

    x: float
    y: float
    z: float
    sigma: float = 3.0
    fwhm_z: float = 4.0
    line: float = 1.0
    continuum: float = 0.1

    def spectrum(self, n_channels: int = N_CHANNELS) -> np.ndarray:
        channel = np.arange(n_channels)
        return self.continuum + self.line * np.exp(-4 * np.log(2) * ((channel - self.z) / self.fwhm_z) ** 2)

    def image(self, n_pixels: int = N_PIXELS) -> np.ndarray:
        y, x = np.mgrid[:n_pixels, :n_pixels]
        return np.exp(-((x - self.x) ** 2 + (y - self.y) ** 2) / (2 * self.sigma**2))


@dataclass
class Scene:
    """A clean cube, a noisy one, and who is in them."""

    sources: list[Source]
    sky: np.ndarray
    cube: Cube
    extra_peaks: list[tuple[float, float]] = field(default_factory=list)


def make_header(shape: tuple[int, int, int]) -> fits.Header:
    header = fits.Header()
    header["NAXIS"] = 3
    axes = (("RA---SIN", 59.99983, -0.1 / 3600), ("DEC--SIN", -34.99986, 0.1 / 3600), ("FREQ", 230e9, 10e6))
    for number, ((kind, value, step), extent) in enumerate(zip(axes, reversed(shape), strict=True), start=1):
        header[f"NAXIS{number}"] = extent
        header[f"CTYPE{number}"], header[f"CRVAL{number}"], header[f"CDELT{number}"] = kind, value, step
        header[f"CRPIX{number}"], header[f"CUNIT{number}"] = extent // 2 + 1, "Hz" if kind == "FREQ" else "deg"
    header["RADESYS"] = "FK5"
    header["EQUINOX"] = 2000.0
    return header


@pytest.fixture
def source() -> type[Source]:
    return Source


@pytest.fixture
def scene() -> Callable[..., Scene]:
    def make(sources: list[Source], noise: float = 0.02, seed: int = 1, n_pixels: int = N_PIXELS,
             n_channels: int = N_CHANNELS, cut: float | None = None) -> Scene:  # fmt: skip
        sky = np.zeros((n_channels, n_pixels, n_pixels), dtype=np.float32)
        for one in sources:
            sky += one.spectrum(n_channels)[:, None, None].astype(np.float32) * one.image(n_pixels).astype(np.float32)
        rng = np.random.default_rng(np.random.SeedSequence([seed, len(sources)]))
        dirty = sky + rng.normal(0.0, noise, sky.shape).astype(np.float32)
        if cut is not None:
            y, x = np.mgrid[:n_pixels, :n_pixels] - n_pixels // 2
            dirty[:, x**2 + y**2 > cut**2] = np.nan
        return Scene(sources, sky, Cube(dirty, make_header(dirty.shape)))

    return make


@pytest.fixture
def oracle() -> Callable[..., Chain]:
    """Chain whose networks know the clean cubes: the bound that no trained network can pass."""

    def make(scenes: list[Scene], section: dict | None = None, maps: list[np.ndarray] | None = None,
             spectra: np.ndarray | None = None) -> Chain:  # fmt: skip
        section = section or {}  # blobs stay as they are, unless a test parts them
        settings = DetectionSettings.from_mapping({**section, "blobs": {"split": "none", **section.get("blobs", {})}})
        perfect = maps or [scale01(integrate(one.sky)) for one in scenes]

        def clean(standardised: np.ndarray) -> np.ndarray:
            if spectra is not None:
                return spectra
            parts = []
            for one, image in zip(scenes, perfect, strict=True):
                boxes = np.array([c.box for c in find_blobs(image, settings.blobs)], dtype=int).reshape(-1, 4)
                sums = box_spectra(one.sky, boxes)
                parts.append((sums - sums.min(axis=1, keepdims=True)) / np.ptp(sums, axis=1, keepdims=True))
            assert sum(map(len, parts)) == len(standardised)
            return np.concatenate(parts)

        def parameter(name: str, images: np.ndarray) -> np.ndarray:
            flux = images.sum(axis=(1, 2))
            return {"flux": flux, "pa": np.full(len(images), 30.0)}.get(name, np.full(len(images), 3.0))

        return Chain(lambda images: np.stack(perfect), clean, parameter, settings)

    return make
