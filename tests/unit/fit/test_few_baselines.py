"""Eight antennas: tracks that lie apart, and sidelobes as high at the edge of the image as beside the source."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from uv_instrument import Truth, UvInstrument

from cubefocus.fit.run import fit_sources
from cubefocus.fit.search import highest_peaks
from cubefocus.fit.steps import Steps

THERMAL = 0.02
FIRST = Truth(x=20.3, y=40.6, sigma_x=1.5, sigma_y=1.0, continuum=0.5, lines=((1.0, 5.0, 3.0),))
SECOND = Truth(x=45.2, y=18.4, sigma_x=1.0, sigma_y=1.4, continuum=0.3, lines=((0.6, 11.0, 4.0),))


def tracks(antennas: int = 8, times: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Baselines of some antennas while the sky turns by 40 degrees, cycles a pixel."""
    place = np.random.default_rng(7).uniform(-0.5, 0.5, (antennas, 2))
    first, second = np.triu_indices(antennas, 1)
    apart = place[first] - place[second]
    apart *= 0.13 / np.hypot(*apart.T).max()
    turns = np.radians(np.linspace(-20.0, 20.0, times))
    u = np.concatenate([apart[:, 0] * math.cos(turn) - apart[:, 1] * math.sin(turn) for turn in turns])
    v = np.concatenate([apart[:, 0] * math.sin(turn) + apart[:, 1] * math.cos(turn) for turn in turns])
    return u, 0.8 * v


@pytest.fixture(scope="module")
def few():
    u, v = tracks()
    return UvInstrument(u=u, v=v)


@pytest.fixture(scope="module")
def few_beam(few):
    return few.beam()


def test_noise_of_tracks_has_no_peak_that_would_be_fitted(few, few_beam):
    """The power of the noise is measured where it is: smoothed over the gaps it would be a third of what it is."""
    rng = np.random.default_rng(3)
    found = [highest_peaks(few.scene(few.noise(rng, 0.0, THERMAL), few_beam), [])[0].significance for _ in range(20)]
    assert sum(value > 5.5 for value in found) <= 2
    assert max(found) < 7.0


def test_ends_matter_for_bright_sources_of_few_baselines_alone(few, few_beam, uv, uv_beam):
    for instrument, beam, brightness, ends in (
        (few, few_beam, 1.0, True), (few, few_beam, 0.05, False), (uv, uv_beam, 1.0, False),
    ):  # fmt: skip
        noise = instrument.noise(np.random.default_rng(1), 0.0, THERMAL)
        assert instrument.scene(brightness * instrument.dirty(FIRST) + noise, beam).ends == ends


@pytest.mark.parametrize("seed", range(3))
def test_bright_sources_are_fitted_and_nothing_else(few, few_beam, seed):
    """At a hundred times the noise their sidelobes are tens of times the noise, all over the image."""
    cube = few.dirty(FIRST, SECOND) + few.noise(np.random.default_rng(seed), 0.0, THERMAL)
    found = fit_sources(few.scene(cube, few_beam), [])
    assert len(found.components) == 2
    assert found.significance.min() > 50.0
    for source in (FIRST, SECOND):
        assert min(math.hypot(x - source.x, y - source.y) for x, y in (one.centre for one in found.components)) < 0.2


def test_what_is_no_gaussian_does_not_hide_others(few, few_beam):
    """A ring, of which one Gaussian leaves more than a faint source far from it has."""
    parts = [
        replace(FIRST, x=20.0 + 2.0 * math.cos(angle), y=40.0 + 2.0 * math.sin(angle), continuum=0.5,
                lines=((2.5, 8.0 + 4.0 * math.cos(angle), 2.0),))
        for angle in np.linspace(0.0, 2.0 * math.pi, 8, endpoint=False)
    ]  # fmt: skip
    faint = replace(SECOND, continuum=0.04, lines=((0.08, 11.0, 4.0),))
    cube = few.dirty(*parts, faint) + few.noise(np.random.default_rng(2), 0.0, THERMAL)
    steps = Steps(few.scene(cube, few_beam), None)
    steps.solution = steps.fit([few.component(FIRST)])
    rows, columns = np.indices(cube.shape[1:])
    far = np.hypot(columns - 20.0, rows - 40.0) > 15.0
    away = []
    for poor in ((), (0,)):
        peak, _ = highest_peaks(steps.scene, steps.solution.components, within=far, poor=poor)
        away.append(math.hypot(peak.x - faint.x, peak.y - faint.y))
    assert away[0] > 8.0
    assert away[1] < 3.0


def test_source_on_a_sidelobe_is_moved_to_where_it_is(few, few_beam):
    """Put where its highest sidelobe is, with all others in place, it goes back."""
    cube = few.dirty(FIRST, SECOND) + few.noise(np.random.default_rng(4), 0.0, THERMAL)
    steps = Steps(few.scene(cube, few_beam), None)
    alone = few.dirty(SECOND)[11]
    lobes = np.where(np.hypot(*(np.indices(alone.shape) - np.array([18.4, 45.2])[:, None, None])) > 8.0, alone, 0.0)
    y, x = np.unravel_index(int(lobes.argmax()), lobes.shape)
    wrong = few.component(replace(SECOND, x=float(x), y=float(y)))
    steps.origin = [0, 1]
    steps.solution = steps.fit([few.component(FIRST), wrong])
    steps.move()
    assert len(steps.solution.components) == 2
    for source in (FIRST, SECOND):
        places = [one.centre for one in steps.solution.components]
        assert min(math.hypot(x - source.x, y - source.y) for x, y in places) < 0.3
