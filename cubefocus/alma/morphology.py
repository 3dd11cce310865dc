"""Step 6: shapes by the three morphology networks, and positions (MNRAS 4.4 iv)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from cubefocus.alma.candidate import Candidate, Field
from cubefocus.alma.training_products import focused_images
from cubefocus.cube.cutouts import SIGMA_TO_FWHM
from cubefocus.stats.noise import noise_of

PredictParameter = Callable[[str, np.ndarray], np.ndarray]
SHAPE = ("sigma_x", "sigma_y", "pa")


def focus_candidates(field: Field, size: int) -> np.ndarray:
    """Cut the focused image of each live candidate around its box centre; shape (n, size, size), Jy/beam x channel."""
    chosen = field.alive
    centres = np.array([candidate.box_centre for candidate in chosen]).reshape(-1, 2)
    ranges = np.array([candidate.line.range for candidate in chosen if candidate.line]).reshape(-1, 2)
    images = focused_images(field.cube.data, centres, ranges, size)
    for candidate, image in zip(chosen, images, strict=True):
        candidate.focused = image
    return images


def measure_shapes(candidates: Sequence[Candidate], images: np.ndarray, predict: PredictParameter) -> None:
    """Let the networks say sigma_x, sigma_y (px) and pa (deg) of focused images (n, size, size).

    The position is the brightness-weighted centre that blob or deblending found, ``candidate.centre``. A network may
    say a width of no extent on a source it never learned; half a pixel is the least that a mask can hold.
    """
    if len(candidates) == 0:
        return
    for name in SHAPE:
        values = np.asarray(predict(name, images), dtype=float).reshape(len(candidates))
        for candidate, value in zip(candidates, values, strict=True):
            if name != "pa" and not value > 0.5:
                candidate.flags.add("shape_at_limit")
                value = 0.5
            candidate.measured[name] = float(value)
    for candidate in candidates:
        candidate.measured["x"], candidate.measured["y"] = candidate.centre


def position_errors(candidate: Candidate, field: Field) -> None:
    """Standard errors of x and y: width of the source over SNR of its peak (Condon 1997, PASP 109, 166, Sec. 4).

    Peak and noise are those of the focused image; the noise is that of the whole plane by its median absolute
    deviation, which the sources in it hardly move.
    """
    assert candidate.line is not None
    plane = field.channel_sum(*candidate.line.range)
    x0, y0, x1, y1 = candidate.box
    noise, peak = noise_of(plane, "mad"), float(np.nanmax(plane[y0:y1, x0:x1]))
    angle = math.radians(candidate.measured["pa"])
    sigma_x, sigma_y = candidate.measured["sigma_x"], candidate.measured["sigma_y"]
    along_x = math.hypot(sigma_x * math.cos(angle), sigma_y * math.sin(angle))
    along_y = math.hypot(sigma_x * math.sin(angle), sigma_y * math.cos(angle))
    snr = peak / noise if noise > 0 and peak > 0 else math.nan
    candidate.measured["x_err"], candidate.measured["y_err"] = along_x / snr, along_y / snr


def fwhm(sigma: float) -> float:
    """Full width at half maximum of a Gaussian of standard deviation ``sigma``."""
    return SIGMA_TO_FWHM * sigma
