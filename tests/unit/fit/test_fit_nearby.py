"""Many sources: those that have hardly to do with a change stay where they are, and the fit is that of all together."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from uv_instrument import Truth, UvInstrument, baselines

from cubefocus.fit import steps
from cubefocus.fit.beam import Beam
from cubefocus.fit.model import Residual, Scene, changes
from cubefocus.fit.nearby import COUPLED, LARGEST, Nearby
from cubefocus.fit.noise import Noise
from cubefocus.fit.products import IMAGES
from cubefocus.fit.run import fit_given, fit_sources
from cubefocus.fit.source import Component

WHITE = 0.06
MANY = 4  # along each side of the image


@pytest.fixture(scope="module")
def wide() -> UvInstrument:
    """With so many baselines that its sidelobes are about a hundredth of the peak."""
    return UvInstrument(160, 16, *baselines(6000))


@pytest.fixture(scope="module")
def wide_beam(wide):
    return wide.beam()


@pytest.fixture(scope="module")
def sources() -> list[Truth]:
    """On a grid of 34 pixels with random offsets, and a second one beside the first."""
    rng = np.random.default_rng(3)
    found = []
    for row in range(MANY):
        for column in range(MANY):
            x, y = 29.0 + 34.0 * np.array([column, row]) + rng.uniform(-5.0, 5.0, 2)
            line = (rng.uniform(0.4, 1.2), rng.uniform(4.0, 12.0), rng.uniform(2.0, 4.0))
            size = rng.uniform(1.5, 2.5, 2)
            found.append(Truth(x, y, *size, pa=rng.uniform(0, 180), continuum=rng.uniform(0.1, 0.5), lines=(line,)))
    first = found[0]
    return [*found, Truth(first.x + 9.0, first.y + 4.0, continuum=0.3, lines=((0.8, 12.0, 3.0),))]


@pytest.fixture(scope="module")
def scene(wide, wide_beam, sources):
    return wide.scene(wide.dirty(*sources) + wide.noise(np.random.default_rng(1), WHITE), wide_beam, WHITE)


def start(source: Truth) -> Component:
    return Component.of(source.x + 1.0, source.y - 1.0, 4.0 * np.eye(2), [(source.lines[0][1] + 0.5, 3.0)])


def same(found, other) -> None:
    """The same sources, to a twentieth of their errors; chi^2 to the precision of its sums."""
    assert len(found.components) == len(other.components)
    for number, one in enumerate(found.components):
        apart = [math.hypot(*np.subtract(one.centre, two.centre)) for two in other.components]
        two, errors = other.components[int(np.argmin(apart))], np.sqrt(np.diag(found.solution.covariance_of(number)))
        assert np.abs((one.values - two.values) / errors).max() < 0.05
    assert found.solution.chi2 == pytest.approx(other.solution.chi2, abs=0.3)


@pytest.mark.parametrize("missing", [(), (0, 5, 16)], ids=["all starts", "three to be found in the residual"])
def test_fit_by_parts_is_the_fit_of_all_together(scene, sources, missing, monkeypatch):
    starts = [start(one) for number, one in enumerate(sources) if number not in missing]
    wrong = [Component.of(60.0, 12.0, 4.0 * np.eye(2), [(8.0, 3.0)])]
    by_parts = fit_sources(scene, starts + wrong)
    monkeypatch.setattr(steps, "FEW", 1000)
    together = fit_sources(scene, starts + wrong)
    assert len(together.components) == len(sources)
    assert by_parts.solution.converged
    same(by_parts, together)
    assert by_parts.significance[:10] == pytest.approx(together.significance[:10], abs=0.2)


def test_given_sources_lose_the_same_lines(scene, sources, monkeypatch):
    """A second line that is none is left out, beside all others as together with them."""
    starts = [start(one) for one in sources]
    for number in (2, 7):
        starts[number] = Component(np.concatenate([starts[number].values, [0.0, 1.0, 0.0]]))
    by_parts = fit_given(scene, starts)
    monkeypatch.setattr(steps, "FEW", 1000)
    together = fit_given(scene, starts)
    assert [one.n_lines for one in by_parts.components] == [one.n_lines for one in together.components]
    same(by_parts, together)


def test_most_of_the_sources_stay_where_they_are(scene, sources, monkeypatch):
    """What is fitted again when one comes is that one and those beside it, so that cost does not grow with the rest."""
    sizes = []
    solve = steps.solve

    def counted(part, components, *more):
        sizes.append(len(components))
        return solve(part, components, *more)

    monkeypatch.setattr(steps, "solve", counted)
    fit_sources(scene, [start(one) for one in sources[:-1]])
    assert sum(size > LARGEST for size in sizes) == 1, "all together once, at the end"
    assert np.median(sizes) <= 3


def test_coupling_is_the_product_of_images_over_their_norms(scene):
    """Never less, and hardly more between sources of one size, at any distance."""
    known = Nearby(scene)
    for size, slope in itertools.product((0.01, 2.0, 5.0), (-4.0, 2.0)):
        components = [Component.of(60.0 + 6.0 * at, 70.0 + slope * at, size**2 * np.eye(2), []) for at in range(9)]
        gram = scene.products(components).gram[0][::IMAGES, ::IMAGES]
        norm = np.sqrt(np.diag(gram))
        true = np.abs(gram / np.outer(norm, norm))
        found = known.coupling(components, components)
        assert (found > true - 0.02).all()
        assert found == pytest.approx(found.T)
        assert found.diagonal() == pytest.approx(np.ones(9))
        far = np.array([math.hypot(*np.subtract(one.centre, components[0].centre)) for one in components])
        assert (found[0, far > 20.0 * max(1.0, size)] < COUPLED).all()


@pytest.mark.parametrize("slope", [1.0, -1.0])
def test_coupling_is_that_of_an_elongated_beam_in_every_direction(slope):
    """A beam of 20 by 5 pixels at 45 degrees couples along it and not across."""
    beam = Beam.gaussian(np.array([[20.0, 5.0, 45.0]]), (4, 100, 100))
    noise = Noise(np.ones(beam.grid.inside.shape), np.ones(4), 1.0, 0.0)
    scene = Scene.of(np.zeros((4, 100, 100), dtype=np.float32), beam, np.full(4, 1e11), noise)
    components = [Component.of(20.0 + 4.0 * at, 50.0 + slope * (4.0 * at - 30.0), np.eye(2), []) for at in range(15)]
    gram = scene.products(components).gram[0][::IMAGES, ::IMAGES]
    true = np.abs(gram / np.sqrt(np.outer(gram.diagonal(), gram.diagonal())))
    assert (Nearby(scene).coupling(components, components) > true - 0.02).all()
    moved = len(Nearby(scene).moved(components, [components[7]]))
    assert moved <= 5 if slope > 0 else moved >= 11


def test_groups_hold_each_source_once_and_the_nearest_together(scene):
    known, rng = Nearby(scene), np.random.default_rng(5)
    crowded = [Component.of(*rng.uniform(20.0, 90.0, 2), 4.0 * np.eye(2), []) for _ in range(40)]
    pair = [Component.of(140.0, 140.0, np.eye(2), []), Component.of(143.0, 141.0, np.eye(2), [])]
    groups = known.groups([pair[0], *crowded, pair[1]])
    assert sorted(number for group in groups for number in group) == list(range(42))
    assert max(map(len, groups)) <= LARGEST
    assert [0, 41] in groups


def test_source_that_is_far_from_all_has_a_group_of_its_own(scene):
    far = [Component.of(20.0 + 40.0 * number, 80.0, 4.0 * np.eye(2), []) for number in range(4)]
    assert Nearby(scene).groups(far) == [[0], [1], [2], [3]]
    assert Nearby(scene).moved(far, [far[2]]) == [2]
    assert Nearby(scene).moved([], far) == []


def test_residual_follows_from_a_known_one(scene, sources, wide):
    components = [wide.component(one) for one in sources]
    known = Residual(components, scene.residual(components))
    changed = [*components[:3], components[4].moved(0.01 * np.ones(10)), *components[5:], start(sources[3])]
    gone, new = changes(components, changed)
    assert (len(gone), len(new)) == (2, 2)
    assert torch.allclose(scene.residual(changed, known), scene.residual(changed), atol=1e-3)
    assert not torch.allclose(known.left, scene.residual(changed), atol=1e-1)


def test_what_was_taken_away_comes_back(scene, sources, wide):
    components = [wide.component(one) for one in sources[:5]]
    assert torch.allclose(scene.less(components).more(components).data, scene.data, atol=1e-3)
    rest = scene.less(components[1:])
    whole = scene.products(components)
    others = scene.products(components[1:]).chi2()
    assert whole.chi2() == pytest.approx(others + rest.products(components[:1]).chi2(), abs=0.3)
