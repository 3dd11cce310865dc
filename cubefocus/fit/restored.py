"""Noise of a cube that CLEAN restored: its sources are behind the restoring beam, its noise is not.

Noise has the spatial frequencies of the visibilities, as in the dirty cube, which the restoring beam does not tell. So
its power is measured at each of them, in differences of neighbouring channels: continuum cancels there, and what stands
out of them, which is lines, is left out.

Where there are few visibilities there is hardly any noise, but no knowledge either: what a restored cube shows of a
source there CLEAN has made up between them. So the fit is told of no less noise than has the same rms and the
correlation of the beam (Condon 1997, PASP 109, 166), which has as little there as the beam has of a source.

Those that CLEAN makes itself are alike in all of the channels, so that no difference of channels shows them. The mean
of what the fit leaves does, and is in the errors that are stated (`cubefocus.fit.scatter`).
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import torch
from scipy.ndimage import binary_dilation

from cubefocus.errors import CubefocusError
from cubefocus.fit.beam import Beam
from cubefocus.fit.noise import SAME, Noise, smoothed
from cubefocus.stats.noise import MAD_SCATTER, MAD_TO_SIGMA

CLIPPED = 4.0  # times their rms: differences of channels beyond that are lines, a beam around them included
LEAST_CHANNELS = 4  # with data: in fewer the power at one spatial frequency is not known, only the rms
LEAST_PAIRS = 64  # of channels, whose differences tell the power of the noise: it is averaged over frequencies, too ...
MOST_PIXELS = 1_500_000  # ... and in all of them together, of a cube with more
LEAST_KEPT = 0.25  # of the pixels: a difference with more than the rest in lines is left out as a whole
CERTAIN = 1.5  # times the scatter that levels of equal channels have: their noise differs


def relative_noise(levels: np.ndarray, n_pixels: int, beam: Beam) -> np.ndarray:
    """Noise of channels over that of the median one; 1 for all where no difference can be told from the scatter.

    Parameters
    ----------
    levels : ndarray, shape (channel,)
        Robust rms of each; infinite for a channel without data.
    n_pixels : int
        In which each was measured.
    beam : Beam

    Returns
    -------
    ndarray, shape (channel,)
        Infinite for a channel without data.
    """
    alive = np.isfinite(levels)
    relative = np.where(alive, levels / np.median(levels[alive]), np.inf)
    # So many beams as an image holds tell its rms; half of a beam is what its noise has in common.
    scatter = MAD_SCATTER * math.sqrt(math.pi * beam.sigma**2 / n_pixels)
    if np.std(relative[alive]) < max(SAME, CERTAIN * scatter):
        relative[alive] = 1.0
    return relative


def measure_restored(data: np.ndarray, beam: Beam, relative: np.ndarray | None = None) -> Noise:
    """Measure the noise of a restored cube.

    Parameters
    ----------
    data : ndarray, shape (channel, y, x)
        Jy/beam, NaN where there is none; not divided by the primary beam, so that its noise is the same everywhere.
    beam : Beam
        Restoring beam.
    relative : ndarray, shape (channel,), optional
        Noise of the channels over that of the median one, where it is known better than a part of an image tells it.

    Returns
    -------
    Noise
        No part of it is white. In fewer than 4 channels it is taken to have the correlation of the beam.

    Raises
    ------
    CubefocusError
        If there is no pixel with data in all channels that are not blank, or no noise.
    """
    held = np.isfinite(data)
    alive = np.flatnonzero(held.reshape(len(data), -1).any(axis=1))
    inside = held[alive].all(axis=0) if len(alive) else np.zeros(data.shape[1:], dtype=bool)
    if not inside.any():
        raise CubefocusError("no pixel of the cube has data in all channels: there is no noise to measure")
    if relative is None:
        levels = np.full(len(data), np.inf)
        levels[alive] = _rms_of_channels(data, alive, inside)
        _there_is_noise(float(np.median(levels[alive])))
        relative = relative_noise(levels, int(inside.sum()), beam)
    else:
        relative = np.where(np.isin(np.arange(len(data)), alive), relative, np.inf)
        alive = alive[np.isfinite(relative[alive])]
    if len(alive) >= LEAST_CHANNELS:
        rms, power = _of_differences(data, alive, inside, relative, beam)
    else:
        rms, power = float(np.median(_rms_of_channels(data, alive, inside))), np.zeros(())
    like_beam = _there_is_noise(rms) ** 2 * beam.transfer.mean(axis=0)
    power = np.where(beam.grid.inside, np.maximum(power, like_beam), like_beam.max())
    return Noise(power, relative, 0.0, rms, shared=len(alive) >= LEAST_CHANNELS)


def _there_is_noise(rms: float) -> float:
    """The rms, refused where it is none."""
    if not rms > 0:
        raise CubefocusError("most pixels of the cube are the same in all channels: there is no noise to measure")
    return rms


def _rms_of_channels(data: np.ndarray, alive: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Robust rms of each channel with data, without what is in most channels, shape (channel with data,)."""
    values = data[alive][:, inside]
    if len(alive) >= LEAST_CHANNELS:
        values = values - np.median(values, axis=0)
    return MAD_TO_SIGMA * np.median(np.abs(values - np.median(values, axis=1, keepdims=True)), axis=1)


def _of_differences(
    data: np.ndarray, alive: np.ndarray, inside: np.ndarray, relative: np.ndarray, beam: Beam
) -> tuple[float, np.ndarray]:
    """Rms of a pixel, and power by spatial frequency (v, u), of differences of channels over the noise of both."""
    reach = max(1, round(beam.fwhm[0]))
    around = np.hypot(*np.mgrid[-reach : reach + 1, -reach : reach + 1]) <= reach
    power, squares, used = np.zeros(beam.grid.inside.shape), 0.0, 0
    pairs = list(pairwise(alive.tolist()))
    wanted = min(len(pairs), max(LEAST_PAIRS, math.ceil(MOST_PIXELS / inside.sum())))
    for first, second in (pairs[at] for at in np.linspace(0, len(pairs) - 1, wanted).round().astype(int)):
        difference = np.where(inside, data[second] - data[first], 0.0) / math.hypot(relative[first], relative[second])
        own = MAD_TO_SIGMA * float(np.median(np.abs(difference[inside])))
        kept = inside & ~binary_dilation(np.abs(difference) > CLIPPED * own, around)
        if kept.sum() < LEAST_KEPT * inside.sum():
            continue
        plane = torch.from_numpy((difference * kept).astype(np.float32)[None])
        power += beam.grid.cut(plane)[0].abs().square().double().numpy() / kept.sum()
        squares += float((difference[kept].astype(np.float64) ** 2).mean())
        used += 1
    if not used:
        raise CubefocusError("lines fill all channels of the cube: there is no noise to measure")
    # Beyond the largest frequency that is kept there is nothing to average over.
    share = np.maximum(smoothed(beam.grid.inside.astype(np.float64)), 1e-9)
    return math.sqrt(squares / used), smoothed(power / used) / share
