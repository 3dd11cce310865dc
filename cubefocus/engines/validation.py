"""Push the same sky through both engines and say how far they are apart."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.table import Table

from cubefocus.engines import casa, fft
from cubefocus.engines.measure import get_response
from cubefocus.errors import CubefocusError
from cubefocus.instrument.observation import Observation
from cubefocus.instrument.response import ARCSEC

logger = logging.getLogger(__name__)

# What the engine fft is held to (relative): any sky's difference over rms and peak of CASA's cube, noise rms per
# channel, and noise power in each ring of the uv plane that has samples.
LIMITS = {"rms_difference": 0.005, "peak_difference": 0.005, "noise_rms": 0.03, "noise_power": 0.10}
DRAWS = 8  # noise cubes of the engine fft: they are cheap, and CASA's single one then decides the scatter
SAMPLED = 1e-3  # of the strongest ring's power: what counts as a ring with samples


@dataclass(frozen=True)
class Comparison:
    """Both engines on one set-up.

    Attributes
    ----------
    name : str
    observation : Observation
    channels : Table
        channel, frequency, rms_difference (rms of the difference over that of CASA's channel), peak_difference
        (largest difference over the cube's peak), casa_noise and fft_noise (rms, Jy/beam), noise_ratio.
    rings : Table
        radius (uv distance in kilowavelengths), casa_power and fft_power (mean per cell, (Jy/beam)^2), power_ratio,
        cells (number that CASA's mean is over, all channels), sampled (whether the ring has samples).
    planes : dict of ndarray (y, x)
        ``casa``, ``fft`` and ``difference`` of the channel in which they differ most, and its number ``channel``.
    numbers : dict
        rms_difference, peak_difference (of the whole cube), noise_rms_ratio (mean over channels), noise_rms_spread
        (standard deviation of the channels' ratios) and noise_rms_chance (what it would be by chance if the noise of
        both engines were the same: CASA's is one draw), noise_power_worst (of a sampled ring), casa_seconds,
        fft_seconds (one noise-free cube each), response_seconds (of measuring or of opening it).
    """

    name: str
    observation: Observation
    channels: Table
    rings: Table
    planes: dict[str, np.ndarray]
    numbers: dict[str, float]


def compare(
    name: str,
    sky: np.ndarray,
    observation: Observation,
    cache: str | Path,
    *,
    seed: int = 1,
    log: str | Path = "validation.log",
    scratch: str | Path | None = None,
    device: str = "cpu",
) -> Comparison:
    """Observe a sky with both engines, without noise, and an empty sky with thermal noise.

    Parameters
    ----------
    name : str
        What tables and figures call the set-up.
    sky : ndarray, shape (channel, y, x)
        Jy/pixel.
    observation : Observation
    cache : path
        Of the responses.
    seed : int
        Of the noise.
    log, scratch
        For CASA.
    device : str
        For the engine fft.
    """
    seconds: dict[str, float] = {}
    shape = (sky.shape[0], sky.shape[1], sky.shape[2])
    with _timed(seconds, "response_seconds"):
        response = get_response(observation, cache, shape=shape, log=log, scratch=scratch)
    with _timed(seconds, "casa_seconds"):
        theirs = casa.observe(sky, observation, "none", seed, log, scratch, name=name).data
    operator = fft.operator_of(response, device)
    with _timed(seconds, "fft_seconds"):
        ours = fft.apply(operator, sky, response, "none", seed).data
    empty = np.zeros_like(sky)
    casa_noise = measure_noise([casa.observe(empty, observation, "thermal", seed, log, scratch, name=name).data])
    fft_noise = measure_noise(fft.apply(operator, empty, response, "thermal", seed + i).data for i in range(DRAWS))
    channels = _channels(theirs, ours, casa_noise, fft_noise, observation)
    rings = ring_table(casa_noise, fft_noise, observation.cell_arcsec)
    worst = int(np.argmax(channels["peak_difference"]))
    planes = {"casa": theirs[worst], "fft": ours[worst], "difference": ours[worst] - theirs[worst]}
    planes["channel"] = np.array(worst)
    numbers = differences(theirs, ours) | _noise_numbers(channels, rings, fft_noise) | seconds
    logger.info("%s: %s", name, ", ".join(f"{key} {value:.3g}" for key, value in numbers.items()))
    return Comparison(name, observation, channels, rings, planes, numbers)


def differences(theirs: np.ndarray, ours: np.ndarray) -> dict[str, float]:
    """Difference of two dirty cubes over the rms and over the peak of the first.

    Raises
    ------
    CubefocusError
        If they are blank at different voxels, or the first one is empty.
    """
    seen = np.isfinite(theirs)
    if not np.array_equal(seen, np.isfinite(ours)):
        raise CubefocusError("the engines blank different voxels; was the response measured for this set-up?")
    values, rest = theirs[seen].astype(np.float64), (ours - theirs)[seen].astype(np.float64)
    if not np.abs(values).max(initial=0.0) > 0:
        raise CubefocusError("CASA's dirty cube is empty: nothing can be compared; give a sky with a source")
    return {
        "rms_difference": float(np.sqrt(np.mean(rest**2) / np.mean(values**2))),
        "peak_difference": float(np.abs(rest).max() / np.abs(values).max()),
    }


def _channels(
    theirs: np.ndarray, ours: np.ndarray, casa_noise: Noise, fft_noise: Noise, observation: Observation
) -> Table:
    peak = float(np.nanmax(np.abs(theirs)))
    rms = np.maximum(_rms(theirs), np.finfo(np.float32).tiny)  # a channel may be empty
    width = observation.channel_width_mhz * 1e6
    frequency = observation.frequency_ghz * 1e9 + (np.arange(len(theirs)) - len(theirs) // 2) * width
    return Table(
        {
            "channel": np.arange(len(theirs)),
            "frequency": frequency * u.Hz,
            "rms_difference": _rms(ours - theirs) / rms,
            "peak_difference": np.nanmax(np.abs(ours - theirs), axis=(1, 2)) / peak,
            "casa_noise": casa_noise.rms * (u.Jy / u.beam),
            "fft_noise": fft_noise.rms * (u.Jy / u.beam),
            "noise_ratio": fft_noise.rms / casa_noise.rms,
        }
    )


def _rms(data: np.ndarray) -> np.ndarray:
    """Rms of each channel over the voxels that are not blank."""
    return np.sqrt([np.nanmean(plane.astype(np.float64) ** 2) for plane in data])


@dataclass(frozen=True)
class Noise:
    """Statistics of noise cubes.

    Attributes
    ----------
    rms : ndarray, shape (channel,)
        Jy/beam.
    scatter : float
        Relative standard deviation of one channel's rms from cube to cube; NaN for a single cube.
    power : ndarray, shape (v, u)
        Mean power spectrum of all channels, (Jy/beam)^2, as `numpy.fft.fft2` orders it.
    planes : int
        Number of images that it is the mean of.
    """

    rms: np.ndarray
    scatter: float
    power: np.ndarray
    planes: int


def measure_noise(cubes: Iterable[np.ndarray]) -> Noise:
    """Rms and power spectrum of cubes of noise alone, (channel, y, x) in Jy/beam, NaN where blank.

    For the power spectrum the largest square about the phase centre without a blank pixel is tapered with a Hann
    window, which keeps the power of a ring of the uv plane from leaking into its neighbours.
    """
    levels, powers, half = [], [], 0
    for data in cubes:
        half = half or _clear_half(np.isfinite(data).all(axis=0))
        levels.append(_rms(data))
        powers.append(_power(data, half))
    rms = np.sqrt(np.mean(np.square(levels), axis=0))
    scatter = float(np.sqrt(np.var(levels / rms, axis=0, ddof=1).mean())) if len(levels) > 1 else math.nan
    return Noise(rms, scatter, np.mean(powers, axis=0), len(levels) * len(rms))


def ring_table(casa_noise: Noise, fft_noise: Noise, cell_arcsec: float, n_rings: int = 24) -> Table:
    """Power spectrum of the noise of both engines in rings of the uv plane.

    Parameters
    ----------
    casa_noise, fft_noise : Noise
    cell_arcsec : float
    n_rings : int
        Rings of equal width between 0 and the edge of the uv plane, none narrower than three cells.

    Returns
    -------
    Table
        See `Comparison.rings`.
    """
    if casa_noise.power.shape != fft_noise.power.shape:
        raise CubefocusError("the noise of the engines was measured on images of different sizes")
    size = len(casa_noise.power)
    half = size // 2
    radius = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.fftfreq(size)[None]) * size
    width = max(half / n_rings, 3.0)
    ring = (radius / width).astype(int)
    keep = radius < half
    number = np.bincount(ring[keep])
    casa_power, fft_power = (np.bincount(ring[keep], noise.power[keep]) / number for noise in (casa_noise, fft_noise))
    distance = np.bincount(ring[keep], radius[keep]) / number / (size * cell_arcsec * ARCSEC)
    sampled = casa_power > SAMPLED * casa_power.max()
    unit = (u.Jy / u.beam) ** 2
    return Table(
        {
            "radius": distance / 1e3,
            "casa_power": casa_power * unit,
            "fft_power": fft_power * unit,
            "power_ratio": fft_power / casa_power,
            "cells": number // 2 * casa_noise.planes,
            "sampled": sampled,
        }
    )


def _clear_half(clear: np.ndarray) -> int:
    """Half of the side of the largest square about the centre (y // 2, x // 2) that is all true."""
    y, x = clear.shape[0] // 2, clear.shape[1] // 2
    for half in range(min(y, x), 3, -1):
        if clear[y - half : y + half, x - half : x + half].all():
            return half
    raise CubefocusError("the cubes are blank around the phase centre; the noise has no power spectrum")


def _power(data: np.ndarray, half: int) -> np.ndarray:
    y, x = data.shape[1] // 2, data.shape[2] // 2
    window = np.hanning(2 * half + 1)[:-1]
    taper = np.outer(window, window) / np.sqrt(np.sum(np.outer(window, window) ** 2))
    total = np.zeros((2 * half, 2 * half))
    for plane in data:
        total += np.abs(np.fft.fft2(plane[y - half : y + half, x - half : x + half] * taper)) ** 2
    return total / len(data)


def _noise_numbers(channels: Table, rings: Table, fft_noise: Noise) -> dict[str, float]:
    sampled = np.asarray(rings["sampled"], dtype=bool)
    return {
        "noise_rms_ratio": float(np.mean(channels["noise_ratio"])),
        "noise_rms_spread": float(np.std(channels["noise_ratio"])),
        "noise_rms_chance": fft_noise.scatter * math.sqrt(1 + 1 / DRAWS),
        "noise_power_worst": float(np.abs(rings["power_ratio"][sampled] - 1).max()),
    }


def comparison_table(comparisons: Sequence[Comparison]) -> Table:
    """One row a set-up: its array, declination and hour angle, the numbers, and whether they keep the `LIMITS`.

    Without the times, which the same seed does not give again.
    """
    rows = []
    for one in comparisons:
        numbers = {name: value for name, value in one.numbers.items() if not name.endswith("_seconds")}
        rows.append(
            {
                "name": one.name,
                "array": one.observation.array,
                "declination": float(one.observation.centre.dec.deg),
                "hour_angle": one.observation.hour_angle_h,
                **numbers,
                "reached": bool(
                    numbers["rms_difference"] <= LIMITS["rms_difference"]
                    and numbers["peak_difference"] <= LIMITS["peak_difference"]
                    and abs(numbers["noise_rms_ratio"] - 1) <= LIMITS["noise_rms"]
                    and numbers["noise_power_worst"] <= LIMITS["noise_power"]
                ),
            }
        )
    table = Table(rows)
    for column in table.colnames:
        table[column].unit = {"declination": "deg", "hour_angle": "h"}.get(column)
    table.meta["limits"] = dict(LIMITS)
    return table


def hard_sky(observation: Observation) -> np.ndarray:
    """Sky that is hard to grid: a point off axis, a sharp bar, a thin ring, and all three, in turn over the channels.

    Returns
    -------
    ndarray of float32, shape ``observation.cube_shape``
        Jy/pixel, the brightest at `observation.inbright`; behind a beam of some 10 px all shapes are about as bright.
    """
    n_channels, n_y, n_x = observation.cube_shape
    y, x = np.mgrid[:n_y, :n_x]
    shapes = np.zeros((4, n_y, n_x), np.float32)
    shapes[0, n_y // 5, n_x // 4] = 1
    shapes[1, n_y // 3 : n_y // 3 + 3, n_x // 8 : -n_x // 8] = 0.03
    shapes[2][np.abs(np.hypot(y - 0.45 * n_y, x - 0.55 * n_x) - n_y / 4) < 1] = 0.03
    shapes[3] = shapes[:3].sum(axis=0)
    return observation.inbright * shapes[np.arange(n_channels) % 4]


@contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    seconds[name] = time.monotonic() - started
