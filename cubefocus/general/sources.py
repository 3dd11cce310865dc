"""Sources of any type of the sky model, as large as some beams and as wide as some channels."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from cubefocus.settings import SkySettings
from cubefocus.sky.base import SkyType
from cubefocus.sky.registry import SKY_TYPES

DIFFUSE = (1.5, 4.0)  # times the largest size of other sources, that of diffuse ones
DISPERSION = (0.15, 0.35)  # velocity dispersion of a disc over its rotation velocity


def log_uniform(low: float, high: float, rng: np.random.Generator) -> float:
    """Draw a number whose logarithm is uniform."""
    return math.exp(float(rng.uniform(math.log(low), math.log(high))))


def drawn_type(types: Mapping[str, float], rng: np.random.Generator) -> SkyType:
    """Draw a sky type by its weight."""
    names = [name for name in SKY_TYPES if types.get(name, 0.0) > 0]
    weights = np.array([types[name] for name in names])
    return SKY_TYPES[names[int(rng.choice(len(names), p=weights / weights.sum()))]]


def draw_source(
    kind: SkyType, size: float, largest: float, fwhm: float, n_channels: int, rng: np.random.Generator
) -> dict[str, Any]:
    """Draw a source without its position.

    Parameters
    ----------
    kind : SkyType
    size, largest : float
        Standard deviation that its axes are around, and the largest that other sources have, pixels.
    fwhm : float
        Width of its line, channels.
    n_channels : int
        Of the band, in which its line is anywhere.
    rng : numpy.random.Generator

    Returns
    -------
    dict
        Columns of `cubefocus.sky.columns.CATALOGUE` that the type has.
    """
    wide = (DIFFUSE[0] * largest, DIFFUSE[1] * largest)
    # A disc's line is as wide as twice its rotation, a gradient's as the change across it.
    speed = max(0.5 * fwhm, 0.5)
    change = fwhm / (3.0 * size)
    ranges = SkySettings().ranges | {
        "sigma": (0.7 * size, 1.4 * size),
        "pa": (0.0, 90.0),
        "spectral_index": (0.0, 0.0),
        "line_centre": (0.0, n_channels - 1.0),
        "line_fwhm": (fwhm, fwhm),
        "rotation_velocity": (speed, speed),
        "velocity_dispersion": (DISPERSION[0] * speed, DISPERSION[1] * speed),
        "velocity_gradient": (0.5 * change, change),
        "diffuse_sigma": wide,
    }
    source = kind.draw(ranges, rng)
    if rng.uniform() < 0.5:  # sigma_x is the larger axis of a disc, and of no other one in particular
        source["pa"] = (source["pa"] + 90.0) % 180.0
    return source
