"""The whole fit: from candidates that are right, wrong and missing, and from nothing, to the sources of a cube."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from uv_instrument import Truth, UvInstrument

from cubefocus.fit.run import fit_sources
from cubefocus.fit.source import Component

WHITE = 0.06
FIRST = Truth(x=22.3, y=25.6, continuum=0.15, lines=((0.5, 5.2, 3.0),))
SECOND = Truth(x=41.7, y=38.2, sigma_x=3.0, sigma_y=1.5, pa=70.0, continuum=0.1, lines=((0.4, 10.4, 5.0),))


def start(x: float, y: float, z: float = 8.0) -> Component:
    return Component.of(x, y, 6.0 * np.eye(2), [(z, 4.0)])


def beside(source: Truth, dx: float = 1.0, dy: float = -1.0) -> Component:
    return start(source.x + dx, source.y + dy, source.lines[0][1] + 1.0)


def run(uv, beam, sources, starts=(), seed=1, white=WHITE, measured=False):
    cube = uv.dirty(*sources) + uv.noise(np.random.default_rng(seed), white)
    return fit_sources(uv.scene(cube, beam, None if measured else white), list(starts))


def check(uv, found, sources, sigmas=4.5):
    """As many sources as there are, each within its errors: order of the truth."""
    assert len(found.components) == len(sources)
    starts = np.cumsum([0, *(len(one.values) for one in found.components)])
    errors = np.sqrt(np.diag(found.solution.covariance))
    order = []
    for source in sources:
        apart = [math.hypot(one.values[0] - source.x, one.values[1] - source.y) for one in found.components]
        number = int(np.argmin(apart))
        order.append(number)
        one, truth = found.components[number], uv.component(source).values
        values = one.values
        assert one.n_lines == len(source.lines)
        if one.n_lines == 2 and (values[8] - values[11]) * (truth[8] - truth[11]) < 0:
            truth = truth[[0, 1, 2, 3, 4, 5, 6, 10, 11, 12, 7, 8, 9]]
        off = (values - truth) / errors[starts[number] : starts[number + 1]]
        assert np.abs(off).max() < sigmas
    assert sorted(order) == list(range(len(sources)))
    return order


def test_candidates_become_the_sources(uv, uv_beam):
    found = run(uv, uv_beam, [FIRST, SECOND], [beside(FIRST, 3.0, 0.0), beside(SECOND, -2.0, -2.0)])
    assert check(uv, found, [FIRST, SECOND]) == [0, 1]
    assert found.origin == [0, 1]
    assert found.removed == []
    assert found.solution.converged


def test_sources_are_found_from_nothing(uv, uv_beam):
    third = Truth(x=12.0, y=50.0, continuum=0.0, lines=((0.4, 11.0, 3.0),))
    sources = [FIRST, SECOND, third]
    for seed in range(3):
        found = run(uv, uv_beam, sources, seed=seed)
        check(uv, found, sources)
        assert found.origin == [-1, -1, -1]
    # From either side the same best fit is reached.
    known = run(uv, uv_beam, sources, [uv.component(one) for one in sources], seed=seed)
    assert found.solution.chi2 == pytest.approx(known.solution.chi2, abs=0.1)


def test_false_candidates_go_and_the_missing_source_comes(uv, uv_beam):
    """Three false ones and one missing of two."""
    false = [start(50.0, 12.0), start(10.0, 50.0), start(32.0, 10.0)]
    for seed in range(8):
        found = run(uv, uv_beam, [FIRST, SECOND], [false[0], beside(FIRST), *false[1:]], seed=seed)
        order = check(uv, found, [FIRST, SECOND])
        # Now and then a false one walks to where the missing source is, before the search comes there.
        assert found.origin[order[0]] == 1
        assert found.origin[order[1]] in (-1, 0, 2, 3)
        listed = [*found.origin, *(origin for origin, _ in found.removed)]
        assert sorted(origin for origin in listed if origin >= 0) == [0, 1, 2, 3]
        assert all(significance < 7.0 for _, significance in found.removed)
        assert (found.significance > 7.0).all()


def test_tens_of_false_candidates_do_not_keep_the_true_ones_from_being_found(uv, uv_beam):
    """As networks see in a cube times -1, where each bright source is a hole with ripples around it."""
    rng = np.random.default_rng(4)
    false = [start(*rng.uniform(6.0, 58.0, 2).tolist(), float(rng.uniform(2.0, 14.0))) for _ in range(25)]
    found = run(uv, uv_beam, [FIRST, SECOND], false)
    check(uv, found, [FIRST, SECOND])
    alone = run(uv, uv_beam, [FIRST, SECOND])
    assert found.solution.chi2 == pytest.approx(alone.solution.chi2, abs=0.1)
    listed = [*found.origin, *(origin for origin, _ in found.removed)]
    assert sorted(origin for origin in listed if origin >= 0) == list(range(25))


def test_significance_is_the_root_of_the_chi2_that_a_source_explains(uv, uv_beam):
    """By whole cubes: the residual without it, all others where they were, and without noise."""
    faint = replace(SECOND, continuum=0.02, lines=((0.1, 10.4, 5.0),))
    scene = uv.scene(uv.dirty(FIRST, faint), uv_beam, WHITE)
    found = fit_sources(scene, [uv.component(FIRST), uv.component(faint)])
    assert len(found.components) == 2
    left = [float((scene.residual([uv.component(one)]) ** 2).sum()) for one in (faint, FIRST)]
    assert found.significance == pytest.approx(np.sqrt(left), rel=0.02)


def test_threshold_parts_sources_from_noise(uv, uv_beam):
    """A source of a signal to noise of 12 is kept in all draws, one of 3 in none."""
    base = math.sqrt((uv.dirty(FIRST) ** 2).sum()) / WHITE
    for snr, wanted in ((12.0, 1), (3.0, 0)):
        factor = snr / base
        ((peak, z, fwhm),) = FIRST.lines
        source = replace(FIRST, continuum=FIRST.continuum * factor, lines=((peak * factor, z, fwhm),))
        for seed in range(6):
            assert len(run(uv, uv_beam, [source], [beside(source)], seed=seed).components) == wanted


@pytest.mark.parametrize("starts", [[], [beside(FIRST), start(28.0, 29.0)]], ids=["nothing", "candidates"])
def test_blended_sources_at_the_distance_of_a_beam(uv, uv_beam, starts):
    """Of like spectra, 6.5 pixels apart: where only the shape of the image tells two from one."""
    other = replace(FIRST, x=FIRST.x + 6.0, y=FIRST.y + 2.5, continuum=0.2, lines=((0.5, 5.6, 3.0),))
    check(uv, run(uv, uv_beam, [FIRST, other], starts, white=0.03), [FIRST, other])


def test_sources_at_one_place_but_for_their_lines_are_two_or_one_with_two_lines(uv, uv_beam):
    """The second line of one source is its own, and no second source."""
    source = Truth(continuum=0.15, lines=((0.6, 4.0, 2.0), (0.5, 11.0, 3.0)))
    for seed in range(3):
        check(uv, run(uv, uv_beam, [source], seed=seed), [source])
        check(uv, run(uv, uv_beam, [source], [start(31.0, 33.0, 5.0)], seed=seed), [source])


@pytest.mark.parametrize("starts", [[], [start(31.0, 33.0, 8.5)]], ids=["nothing", "candidate"])
@pytest.mark.parametrize("depth", [0.2, 0.35, 0.5])
def test_absorption_line(uv, uv_beam, depth, starts):
    source = Truth(continuum=0.5, lines=((-depth, 8.0, 3.0),))
    for seed in range(2):
        check(uv, run(uv, uv_beam, [source], starts, seed=seed), [source])


@pytest.mark.parametrize("size", [1e-3, 2.0, 6.0])
@pytest.mark.parametrize("snr", [200.0, 2000.0])
def test_bright_source_is_not_fitted_as_two(uv, uv_beam, size, snr):
    source = replace(FIRST, x=31.4, y=29.7, sigma_x=size, sigma_y=0.7 * size)
    white = math.sqrt((uv.dirty(source) ** 2).sum()) / snr
    for seed in range(3):
        found = run(uv, uv_beam, [source], seed=seed, white=white)
        assert len(found.components) == 1
        assert found.components[0].n_lines == 1
        assert found.significance[0] == pytest.approx(snr, rel=0.05)


def test_two_candidates_of_one_source_are_merged(uv, uv_beam):
    found = run(uv, uv_beam, [FIRST, SECOND], [beside(FIRST), beside(FIRST, -1.5, 1.0), beside(SECOND)])
    order = check(uv, found, [FIRST, SECOND])
    assert found.origin[order[0]] in (0, 1)
    assert found.origin[order[1]] == 2
    assert [origin for origin, _ in found.removed] == [1 - found.origin[order[0]]]


def test_noise_has_no_sources(uv, uv_beam):
    for seed in range(6):
        found = run(uv, uv_beam, [], [start(20.0, 20.0), start(40.0, 45.0)], seed=seed, measured=True)
        assert found.components == []
        assert found.significance.shape == (0,)
        assert sorted(origin for origin, _ in found.removed if origin >= 0) == [0, 1]


def test_order_of_the_candidates_does_not_matter(uv, uv_beam):
    starts = [beside(FIRST), beside(SECOND), start(50.0, 12.0)]
    one, other = (run(uv, uv_beam, [FIRST, SECOND], listed) for listed in (starts, starts[::-1]))
    for source in (FIRST, SECOND):
        first, second = (
            min(found.components, key=lambda c: math.hypot(c.values[0] - source.x, c.values[1] - source.y)).values
            for found in (one, other)
        )
        assert first == pytest.approx(second, abs=2e-2)


def test_unit_of_the_cube_does_not_matter_to_what_is_found(uv, uv_beam):
    cube = uv.dirty(FIRST, SECOND) + uv.noise(np.random.default_rng(1), WHITE, 0.03)
    one, other = (fit_sources(uv.scene(factor * cube, uv_beam), []) for factor in (1.0, 1000.0))
    assert len(one.components) == len(other.components) == 2
    assert other.significance == pytest.approx(one.significance, rel=1e-3)
    for a, b in zip(one.components, other.components, strict=True):
        assert b.values[a.amplitudes] == pytest.approx(1000.0 * a.values[a.amplitudes], rel=1e-2)
        assert b.values[:5] == pytest.approx(a.values[:5], abs=1e-2)


def test_blank_border_and_channels(uv, uv_beam):
    y, x = np.mgrid[:64, :64] - 32
    cube = uv.dirty(FIRST, SECOND) + uv.noise(np.random.default_rng(1), WHITE)
    cube[:, np.hypot(x, y) > 28] = np.nan
    cube[[0, 8]] = np.nan
    check(uv, fit_sources(uv.scene(cube, uv_beam), []), [FIRST, SECOND])


def test_cube_of_one_channel():
    """A continuum image: there is no line to find, and none is told from the continuum."""
    uv = UvInstrument(n_channels=1)
    sources = [replace(FIRST, continuum=2.0, lines=()), replace(SECOND, continuum=2.0, lines=())]
    beam = uv.beam()
    for starts in ([], [start(23.0, 25.0, 0.0), start(41.0, 39.0, 0.0), start(10.0, 50.0, 0.0)]):
        found = run(uv, beam, sources, starts)
        assert len(found.components) == 2
        for source in sources:
            apart = [math.hypot(one.values[0] - source.x, one.values[1] - source.y) for one in found.components]
            one = found.components[int(np.argmin(apart))]
            assert min(apart) < 0.3
            assert one.values[one.amplitudes].sum() == pytest.approx(2.0, rel=0.1)
            assert one.cov == pytest.approx(uv.component(source).cov, abs=1.5)
        assert found.significance.min() > 20.0
