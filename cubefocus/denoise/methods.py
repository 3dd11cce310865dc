"""Ways to denoise that are compared: networks by their names, and filters that learn nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from cubefocus.denoise.filters import fft_filter, gaussian_filter
from cubefocus.denoise.images import beam_area
from cubefocus.settings import DenoisedSettings, LofarSettings

SKY, OBSERVED, GAUSSIAN, FFT = "sky", "none", "gaussian", "fft"
UNTRAINED = (OBSERVED, GAUSSIAN, FFT)
"""What the networks are compared with: the image as it is, smoothed, and without high frequencies."""

LEAST_SNR = 1.0 / 3.0  # of what a filter is taken to see (GV22 section 4.2, figure 8)
LABELS = {
    SKY: "sky",
    OBSERVED: "not denoised",
    GAUSSIAN: "Gaussian filter",
    FFT: "FFT filter",
    "autoencoder": "autoencoder",
    "residual": "residual network",
}


def filters(settings: DenoisedSettings) -> Mapping[str, Callable[[np.ndarray], np.ndarray]]:
    """What learns nothing, by the names of `UNTRAINED`."""
    return {
        OBSERVED: np.asarray,
        GAUSSIAN: partial(gaussian_filter, sigma=settings.gaussian_px),
        FFT: partial(fft_filter, cutoff=settings.fft_cutoff),
    }


def label_of(method: str) -> str:
    """A method as readers know it; one with brackets was trained on other images, whose name they hold."""
    name, _, other = method.rstrip(")").partition(" (")
    label = LABELS.get(name, name.replace("_", " "))
    return f"{label} (trained on {other})" if other else label


def noise_of(settings: LofarSettings) -> float:
    """Noise of a pixel of an image, Jy/arcsec^2."""
    return 1e-3 * settings.noise_mjy / beam_area(settings.beam_arcsec, settings.beam_arcsec)
