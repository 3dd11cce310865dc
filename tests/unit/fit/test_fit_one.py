"""Sources stay one where they are one: with several lines, with a line that moves, and in absorption."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from uv_instrument import Truth

from cubefocus.fit.run import fit_sources
from cubefocus.fit.search import highest_peaks
from cubefocus.fit.source import Component, cov_of

NOISE = 0.02
SOURCE = Truth(x=31.0, y=30.0, sigma_x=2.0, sigma_y=2.0, pa=0.0, continuum=0.5, lines=((2.0, 7.5, 4.0),))


def noisy(uv, uv_beam, cube, seed=1):
    return uv.scene(cube + uv.noise(np.random.default_rng(seed), white=NOISE), uv_beam, NOISE)


def start(x, y, z, fwhm=3.0):
    return Component.of(x, y, cov_of(2.0, 2.0, 0.0), [(z, fwhm)])


def test_components_with_a_line_each_become_one_source_with_both(uv, uv_beam):
    scene = noisy(uv, uv_beam, uv.dirty(replace(SOURCE, lines=((2.0, 4.0, 3.0), (1.5, 11.0, 3.0)))))
    fitted = fit_sources(scene, [start(30.8, 30.1, 4.2), start(31.2, 29.9, 11.2)])
    (one,) = fitted.components
    assert sorted(one.line(number)[1] for number in range(one.n_lines)) == pytest.approx([4.0, 11.0], abs=0.05)
    assert one.values[5] == pytest.approx(0.5, rel=0.1)
    assert len(fitted.origin) == len(fitted.significance) == 1


def test_halves_of_a_source_whose_line_moves_become_one(uv, uv_beam):
    # The halves of a source that is less wide than the beam, and whose line moves by half of its width.
    half = replace(SOURCE, sigma_x=1.0, sigma_y=1.5, continuum=0.25)
    halves = [replace(half, x=SOURCE.x + off, lines=((1.0, 7.5 + off, 3.0),)) for off in (-1.0, 1.0)]
    scene = noisy(uv, uv_beam, uv.dirty(*halves))
    starts = [start(SOURCE.x + off, SOURCE.y, 7.5 + off) for off in (-1.0, 1.0)]
    (one,) = fit_sources(scene, starts).components
    assert one.centre == pytest.approx((SOURCE.x, SOURCE.y), abs=0.1)


def test_two_sources_within_a_beam_with_lines_of_their_own_stay_two(uv, uv_beam):
    pair = SOURCE, replace(SOURCE, x=36.0, lines=((2.0, 12.0, 3.0),))
    scene = noisy(uv, uv_beam, uv.dirty(*pair))
    fitted = fit_sources(scene, [start(31.0, 30.0, 7.5), start(36.0, 30.0, 12.0)])
    assert sorted(one.centre[0] for one in fitted.components) == pytest.approx([31.0, 36.0], abs=0.2)


@pytest.mark.parametrize("depth", [0.4, 0.9])
def test_absorption_is_found_where_it_is(uv, uv_beam, depth):
    scene = noisy(uv, uv_beam, uv.dirty(replace(SOURCE, continuum=1.0, lines=((-depth, 11.0, 3.0),))))
    peak = highest_peaks(scene, [])[0]
    assert peak.z == pytest.approx(11.0, abs=1.0)
    (one,) = fit_sources(scene, []).components
    assert one.line()[0] == pytest.approx(-depth, rel=0.1)
    assert one.line()[1] == pytest.approx(11.0, abs=0.1)


def test_what_is_negative_is_fitted_and_is_no_source(uv, uv_beam):
    """A cube times -1: its holes are fitted, so that their sidelobes are not taken for sources."""
    two = replace(SOURCE, x=44.0, y=41.0, continuum=0.3)
    fitted = fit_sources(noisy(uv, uv_beam, -uv.dirty(SOURCE, two)), [])
    assert len(fitted.components) == 2
    assert fitted.positive == []
    found = sorted(one.centre for one in fitted.components)
    assert found == [pytest.approx(place, abs=0.2) for place in sorted([(SOURCE.x, SOURCE.y), (44.0, 41.0)])]


def test_a_source_beside_a_hole_is_the_only_one(uv, uv_beam):
    hole = replace(SOURCE, x=44.0, y=41.0)
    fitted = fit_sources(noisy(uv, uv_beam, uv.dirty(SOURCE) - uv.dirty(hole)), [])
    (number,) = fitted.positive
    assert fitted.components[number].centre == pytest.approx((SOURCE.x, SOURCE.y), abs=0.2)
