"""The limit of the noise: standard errors that no unbiased estimator can undercut (Cramer-Rao).

The Fisher matrix of all sources of a cube together, at their true parameters and with the noise that the cube has: what
one source takes from the other, and what the beam and the primary beam leave, is in it. No data are needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from cubefocus.fit.beam import Beam
from cubefocus.fit.model import Scene
from cubefocus.fit.noise import Noise, known_noise
from cubefocus.fit.products import starts_of
from cubefocus.fit.sky import behind_beam, errors
from cubefocus.fit.source import Component, Spectral


def bounds(
    sources: Sequence[Component], beam: Beam, frequencies_hz: np.ndarray, white: float, thermal: float,
    held: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Smallest standard errors of the parameters of the sources of a cube.

    Parameters
    ----------
    sources : sequence of Component
        On the sky, as `cubefocus.fit.sky.from_truth` makes them.
    beam : Beam
    frequencies_hz : ndarray, shape (channel,)
    white, thermal : float
        Standard deviation of both parts of the noise in a pixel, Jy/beam.
    held : ndarray of bool, shape (y, x)
        Pixels with data.

    Returns
    -------
    ndarray, shape (n, 12)
        In the order of `cubefocus.fit.sky.NAMES` and in its units.
    """
    if not sources:
        return np.empty((0, 12))
    noise = known_noise(beam, len(frequencies_hz), white, thermal)
    scene = empty_scene(beam, noise, frequencies_hz, held)
    shown = [behind_beam(source, beam) for source in sources]
    fisher = scene.products(shown).equations()[0]
    # Nothing is known beforehand but that a spectral index is of the order of 1: over a narrow band it is not measured.
    starts = starts_of(shown)
    fisher[starts[:-1] + 6, starts[:-1] + 6] += 1.0
    scale = 1.0 / np.sqrt(np.diag(fisher))
    covariance = np.linalg.inv(fisher * scale[:, None] * scale[None]) * scale[:, None] * scale[None]
    found = []
    for number, one in enumerate(shown):
        own = slice(starts[number], starts[number + 1])
        found.append(errors(one, covariance[own, own], beam, scene.spectral.log_ratio))
    return np.array(found)


def empty_scene(beam: Beam, noise: Noise, frequencies_hz: np.ndarray, held: np.ndarray) -> Scene:
    """A scene without signal: for what follows from the instrument and the noise alone."""
    blank = np.where(held, 0.0, np.nan).astype(np.float32)
    scene = Scene.of(np.broadcast_to(blank, (1, *blank.shape)), beam, frequencies_hz[:1], _one_channel(noise))
    n_channels = len(frequencies_hz)
    data = torch.zeros(n_channels, scene.held.numel())
    log_ratio = np.log(frequencies_hz[n_channels // 2] / frequencies_hz)
    return replace(scene, spectral=Spectral(log_ratio, 1.0 / noise.relative), data=data)


def _one_channel(noise: Noise) -> Noise:
    return Noise(noise.power, noise.relative[:1], noise.white, noise.thermal)
