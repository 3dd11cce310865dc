"""The width of a dirty beam, measured in what a fit through another one leaves."""

from __future__ import annotations

import numpy as np
import pytest
from uv_instrument import Truth, UvInstrument

from cubefocus.fit.model import Scene
from cubefocus.fit.solve import NOTHING, Priors, solve
from cubefocus.fit.stretch import FLAG, Stretch, stretch_of

SOURCES = [
    Truth(x=24.3, y=33.6, sigma_x=2.0, sigma_y=1.5, pa=20.0, continuum=1.0, lines=((3.0, 2.2, 2.0),)),
    Truth(x=45.2, y=15.5, sigma_x=2.5, sigma_y=2.5, continuum=1.0, lines=((3.0, 4.4, 2.0),)),
]
WHITE = 0.003


@pytest.fixture(scope="module")
def given():
    return UvInstrument(n_channels=6)


def fitted(cube: np.ndarray, given: UvInstrument) -> Stretch:
    scene = given.scene(cube, given.beam(), WHITE)
    solution = solve(scene, [given.component(one) for one in SOURCES], Priors.of_beam(scene.beam.sigma))
    return stretch_of(scene, solution)


@pytest.mark.parametrize("factor", [0.97, 0.99, 1.0, 1.01, 1.03])
def test_beam_of_longer_and_shorter_baselines(given, factor):
    """Baselines that are longer by a factor give a beam that is narrower by it."""
    other = UvInstrument(n_channels=6, u=given.u / factor, v=given.v / factor)
    noise = given.noise(np.random.default_rng(2), white=WHITE)
    found = fitted(other.dirty(*SOURCES) + noise, given)
    assert found.value == pytest.approx(factor, abs=4.0 * found.error + 0.15 * abs(factor - 1.0))
    assert 0.0 < found.error < 0.003
    assert found.differs or abs(factor - 1.0) < 0.02
    assert not found.differs or factor != 1.0


def test_error_is_the_scatter(given):
    rng, cube = np.random.default_rng(4), given.dirty(*SOURCES)
    found = [fitted(cube + given.noise(rng, white=WHITE), given) for _ in range(20)]
    pulls = np.array([(one.value - 1.0) / one.error for one in found])
    assert np.sqrt((pulls**2).mean()) == pytest.approx(1.0, abs=0.45)


def test_without_sources_nothing_is_known(given):
    scene = Scene.of(given.noise(np.random.default_rng(1), white=WHITE), given.beam(), given.frequencies_hz)
    found = stretch_of(scene, NOTHING)
    assert np.isnan(found.value)
    assert not found.differs
    assert found.flagged("blended") == "blended"


def test_flag_of_a_beam_that_differs():
    assert Stretch(1.05, 0.001).flagged("unresolved") == f"{FLAG};unresolved"
    assert Stretch(1.05, 0.001).flagged("") == FLAG
    assert "5.0 +- 0.1 % wider" in Stretch(1.05, 0.001).sentence
