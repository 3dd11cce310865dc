"""Fit the sources of a cube, or of a scene that was made of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from cubefocus.fit.beam import Beam
from cubefocus.fit.fitted import Fitted
from cubefocus.fit.model import Scene
from cubefocus.fit.noise import QUANTILE, Noise, Transforms, measure_noise, trusted
from cubefocus.fit.source import Component
from cubefocus.fit.steps import Steps
from cubefocus.settings import FitSettings

LINE_REACH = 1.5  # FWHM from a line's centre to where it is below noise


def fit_cube_of(
    data: np.ndarray,
    beam: Beam,
    frequencies_hz: np.ndarray,
    starts: Sequence[Component],
    settings: FitSettings | None = None,
    noise: Noise | None = None,
    device: str = "cpu",
) -> Fitted:
    """Fit the sources of a cube whose noise is to be measured in it.

    Where there are lines in most of the channels, neighbouring ones differ by more than noise. So there the noise is
    measured again in what the fit leaves, and all is fitted once more.

    Parameters
    ----------
    data : ndarray, shape (channel, y, x)
        Jy/beam, NaN where there is none.
    beam : Beam
    frequencies_hz : ndarray, shape (channel,)
    starts : sequence of Component
        As for `fit_sources`.
    settings : FitSettings, optional
    noise : Noise, optional
        Where it is known.
    device : str

    Returns
    -------
    Fitted
    """
    cuts = Transforms(data, beam.grid, device)
    scene = Scene.of(cuts, beam, frequencies_hz, noise)
    first = fit_sources(scene, starts, settings)
    if noise is not None or _share_with_lines(first) <= 1.0 - 2.0 * QUANTILE:
        return first
    measured = trusted(measure_noise(scene.transforms_less(cuts, first.components), beam), beam)
    # What stands out of less noise stands out by more: nothing is sought again where none of it comes near.
    left = first.left * math.sqrt(float((scene.noise.power / measured.power)[beam.grid.inside].max()))
    again = Steps(Scene.of(cuts, beam, frequencies_hz, measured), settings, left)
    second = again.run(first.components)
    origin = [*first.origin, -1]  # the last one for what the second fit found
    removed = [*first.removed, *((origin[number], significance) for number, significance in second.removed)]
    return replace(second, origin=[origin[number] for number in second.origin], removed=removed)


def _share_with_lines(fitted: Fitted) -> float:
    """Share of the channels that hold a line of a source."""
    channels = np.arange(fitted.scene.n_channels)
    lines = [one.line(number) for one in fitted.components for number in range(one.n_lines)]
    held = [np.abs(channels - z) < LINE_REACH * fwhm for _, z, fwhm in lines]
    return float(np.any(held, axis=0).mean()) if held else 0.0


def fit_sources(
    scene: Scene,
    starts: Sequence[Component],
    settings: FitSettings | None = None,
    within: np.ndarray | None = None,
) -> Fitted:
    """Fit the sources of a cube.

    Parameters
    ----------
    scene : Scene
    starts : sequence of Component
        Where candidates are; their fluxes need not be known. None at all for a search from nothing.
    settings : FitSettings, optional
    within : ndarray of bool, shape (y, x), optional
        Pixels in which further sources are sought; all if left out.

    Returns
    -------
    Fitted
    """
    return Steps(scene, settings, within=within).run(starts)


def fit_given(scene: Scene, starts: Sequence[Component], settings: FitSettings | None = None) -> Fitted:
    """Fit sources of which it is known that they are there: none is sought, merged or removed.

    Parameters
    ----------
    scene : Scene
    starts : sequence of Component
    settings : FitSettings, optional
        ``line`` decides which of them keep their line.

    Returns
    -------
    Fitted
        With the significances that the equations give.
    """
    given = Steps(scene, settings)
    given.origin = list(range(len(starts)))
    given.solution = given.fit(list(starts))
    given.drop_lines(least=0)
    if not given.solution.converged:
        given.solution = given.together(given.solution.components)
    significance = np.array([given.quick(number) for number in range(len(starts))])
    return Fitted(scene, given.solution, significance, given.origin)


def without_weak(fitted: Fitted, settings: FitSettings) -> Fitted:
    """The same with a higher threshold: sources below it are removed, the others fitted again."""
    again = Steps(fitted.scene, settings)
    again.solution, again.origin, again.removed = fitted.solution, list(fitted.origin), list(fitted.removed)
    significance = again.remove()
    return Fitted(again.scene, again.solution, significance, again.origin, again.removed)
