"""Errors of the fit: the scatter that drawn noise gives, also where the weights take the noise to be another."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from uv_instrument import Truth, UvInstrument

from cubefocus.fit.model import Scene
from cubefocus.fit.noise import known_noise
from cubefocus.fit.scatter import covariance, shared_power
from cubefocus.fit.solve import NOTHING, Priors, solve
from cubefocus.fit.source import N_FIXED

SOURCES = [
    Truth(x=24.3, y=33.6, sigma_x=2.0, sigma_y=1.5, pa=20.0, continuum=1.0, lines=((3.0, 2.2, 2.0),)),
    Truth(x=58.2, y=9.5, sigma_x=2.5, sigma_y=2.5, continuum=1.0, lines=((3.0, 4.4, 2.0),)),
]
WHITE, THERMAL = 0.01, 0.02
DRAWS = 150


@pytest.fixture(scope="module")
def short():
    return UvInstrument(n_channels=6)


@pytest.mark.parametrize("floor", [0.0, 8.0], ids=["weights of the noise", "weights with a high floor"])
def test_errors_are_the_scatter_that_noise_gives(short, floor):
    """To first order in the noise: parameters moved by each of many draws, over the errors that are stated.

    With a floor the weights take the noise for more than it is, as the inverse of the Fisher matrix does.
    """
    beam, rng = short.beam(), np.random.default_rng(3)
    noise = known_noise(beam, short.n_channels, WHITE, THERMAL)
    noise = replace(noise, power=np.maximum(noise.power, floor * noise.power[beam.grid.inside].mean()))
    components = [short.component(source) for source in SOURCES]
    scene = Scene.of(short.dirty(*SOURCES).astype(np.float32), beam, short.frequencies_hz, noise)
    solution = solve(scene, components, Priors.of_beam(beam.sigma))
    stated = np.sqrt(np.diag(covariance(scene, solution)))
    mix, spectra = solution.products.columns()
    moved = []
    for _ in range(DRAWS):
        drawn = short.noise(rng, white=WHITE, thermal=THERMAL).astype(np.float32)
        projection = Scene.of(drawn, beam, short.frequencies_hz, noise).products(solution.components).projection
        moved.append(solution.covariance @ np.einsum("pi,ic,pc->p", mix, projection, spectra, optimize=True))
    pulls = np.array(moved) / stated
    known = np.delete(np.arange(pulls.shape[1]), [6, N_FIXED + 3 + 6])  # of an index nothing is known but the prior
    assert np.sqrt((pulls[:, known] ** 2).mean()) == pytest.approx(1.0, abs=0.05)
    assert np.sqrt((pulls[:, known] ** 2).mean(axis=0)) == pytest.approx(np.ones(len(known)), abs=0.2)
    assumed = pulls * stated / np.sqrt(np.diag(solution.covariance))
    assert floor == 0 or np.sqrt((assumed[:, known] ** 2).mean()) < 0.9


def test_without_sources_there_is_nothing(short):
    scene = Scene.of(short.noise(np.random.default_rng(1), white=WHITE), short.beam(), short.frequencies_hz)
    assert covariance(scene, solve(scene, [], Priors.of_beam(2.0))).shape == (0, 0)


def test_what_all_channels_share_is_in_the_errors(short):
    """An image in all channels alike, as CLEAN leaves it, moves continuum and place more than noise of the channels."""
    beam, rng, strength = short.beam(), np.random.default_rng(7), 2.0
    noise = known_noise(beam, short.n_channels, WHITE, THERMAL)

    def drawn() -> np.ndarray:
        common = short.noise(rng, white=WHITE, thermal=THERMAL)[:1]
        return (short.noise(rng, white=WHITE, thermal=THERMAL) + strength * common).astype(np.float32)

    components = [short.component(source) for source in SOURCES]
    data = short.dirty(*SOURCES) + drawn()
    scene = Scene.of(data.astype(np.float32), beam, short.frequencies_hz, replace(noise, shared=True))
    solution = solve(scene, components, Priors.of_beam(beam.sigma))
    assert shared_power(scene, solution) == pytest.approx(strength**2, rel=0.3)
    mix, spectra = solution.products.columns()
    moved = []
    for _ in range(DRAWS):
        projection = Scene.of(drawn(), beam, short.frequencies_hz, noise).products(solution.components).projection
        moved.append(solution.covariance @ np.einsum("pi,ic,pc->p", mix, projection, spectra, optimize=True))
    shape = [0, 1, 2, 3, 4, 5]
    known = [*shape, *(len(components[0].values) + at for at in shape)]
    scatter = np.sqrt((np.array(moved) ** 2).mean(axis=0))[known]
    with_it, without = (np.sqrt(np.diag(covariance(one, solution)))[known] for one in (scene, alone(scene)))
    assert np.sqrt(((scatter / with_it) ** 2).mean()) == pytest.approx(1.0, abs=0.15)
    assert np.sqrt(((scatter / without) ** 2).mean()) > 1.5


def test_noise_of_the_channels_shares_nothing(short):
    beam, rng = short.beam(), np.random.default_rng(8)
    noise = replace(known_noise(beam, short.n_channels, WHITE, THERMAL), shared=True)
    powers = []
    for _ in range(10):
        data = short.noise(rng, white=WHITE, thermal=THERMAL).astype(np.float32)
        powers.append(shared_power(Scene.of(data, beam, short.frequencies_hz, noise), NOTHING))
    assert np.mean(powers) < 0.02


def alone(scene: Scene) -> Scene:
    """The same where channels share nothing."""
    return replace(scene, noise=replace(scene.noise, shared=False))
