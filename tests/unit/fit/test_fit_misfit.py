"""What the fit leaves at a source: nothing for a Gaussian, and the gradient of a line that moves across it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from uv_instrument import Truth

from cubefocus.fit.misfit import misfits, noise_levels
from cubefocus.fit.run import fit_sources
from cubefocus.fit.solve import Priors, solve
from cubefocus.fit.source import Component

SOURCE = Truth(lines=((3.0, 7.5, 5.0),), continuum=0.5)


def moving(uv, source, slope_x, slope_y):
    """Dirty cube of a source whose line moves: Gaussians side by side, each with the line that it has at its place."""
    # Small Gaussians on a grid that add up to the large one.
    step, small = 1.0, 0.8
    cube = np.zeros((uv.n_channels, uv.n_pixels, uv.n_pixels))
    width = np.sqrt(source.sigma_x**2 - small**2), np.sqrt(source.sigma_y**2 - small**2)
    offsets = np.arange(-4.0, 4.1, step)
    weights = [np.exp(-0.5 * (offsets / w) ** 2) for w in width]
    weights = np.outer(*(w / w.sum() for w in weights))
    for i, dx in enumerate(offsets):
        for j, dy in enumerate(offsets):
            lines = tuple((p * weights[i, j], z + slope_x * dx + slope_y * dy, w) for p, z, w in source.lines)
            part = replace(source, x=source.x + dx, y=source.y + dy, sigma_x=small, sigma_y=small, lines=lines,
                           continuum=source.continuum * weights[i, j])  # fmt: skip
            cube += uv.dirty(part)
    return cube


@pytest.fixture(scope="module")
def round_source():
    return replace(SOURCE, sigma_x=2.0, sigma_y=2.0, pa=0.0)


def fitted_alone(scene, component):
    """The fit of one source, without looking for others."""
    return list(solve(scene, [component], Priors.of_beam(scene.beam.sigma)).components)


def test_gaussians_leave_noise(uv, uv_beam):
    sources = SOURCE, replace(SOURCE, x=48.0, y=20.0, lines=((2.0, 4.0, 3.0),))
    clean, found = uv.dirty(*sources), []
    for seed in range(25):
        cube = clean + uv.noise(np.random.default_rng(seed), white=0.15)
        scene = uv.scene(cube, uv_beam, 0.15)
        components = list(
            solve(scene, [uv.component(one) for one in sources], Priors.of_beam(uv_beam.sigma)).components
        )
        found += misfits(scene, components)
    dof = found[0].dof
    assert dof == 3 * 16 - 4 - 3
    # The mean of chi^2 is its degrees of freedom, to 2 sqrt(2 dof / n); of two numbers it is 2.
    assert np.mean([one.chi2 for one in found]) == pytest.approx(dof, abs=2.0 * np.sqrt(2.0 * dof / 50))
    assert np.mean([one.gradient_chi2 for one in found]) == pytest.approx(2.0, abs=0.7)
    assert np.mean([one.probability < 0.05 for one in found]) < 0.25


def test_gradient_of_a_line_is_found_with_its_direction(uv, uv_beam, round_source):
    noise = 0.02
    cube = moving(uv, round_source, 0.15, -0.25) + uv.noise(np.random.default_rng(1), white=noise)
    scene = uv.scene(cube, uv_beam, noise)
    (one,) = misfits(scene, fitted_alone(scene, uv.component(round_source)))
    # To first order: a fifth is what the second takes.
    assert one.gradient == pytest.approx((0.15, -0.25), rel=0.2)
    assert one.gradient_chi2 > 100.0
    assert one.ratio > 1.5
    assert one.probability < 1e-6


def test_a_line_that_is_not_fitted_is_seen(uv, uv_beam):
    two = replace(SOURCE, lines=(*SOURCE.lines, (1.0, 13.0, 3.0)))
    scene = uv.scene(uv.dirty(two) + uv.noise(np.random.default_rng(2), white=0.05), uv_beam, 0.05)
    (one,) = misfits(scene, fitted_alone(scene, uv.component(SOURCE)))
    assert one.probability < 1e-6
    assert one.gradient_chi2 < 12.0


def test_no_source_and_a_source_without_line(uv, uv_beam):
    scene = uv.scene(uv.dirty(replace(SOURCE, lines=())), uv_beam, 0.05)
    assert misfits(scene, []) == []
    (one,) = misfits(scene, [Component(uv.component(SOURCE).values[:7])])
    assert one.gradient == (0.0, 0.0)
    assert one.gradient_chi2 == 0.0
    assert one.dof == 3 * 16 - 4


def test_channels_without_data_do_not_count(uv, uv_beam):
    cube = uv.dirty(SOURCE) + uv.noise(np.random.default_rng(3), white=0.1)
    cube[2] = np.nan
    scene = uv.scene(cube, uv_beam)
    fitted = fit_sources(scene, [uv.component(SOURCE)])
    (one,) = misfits(scene, fitted.components)
    assert one.dof == 3 * 15 - 7
    assert 0.4 < one.ratio < 1.8


def test_level_of_the_noise_is_one_where_it_was_measured_right_and_follows_it_where_not(uv, uv_beam):
    cube = uv.dirty(SOURCE) + uv.noise(np.random.default_rng(4), white=0.1)
    for assumed in (0.1, 0.08):
        scene = uv.scene(cube, uv_beam, assumed)
        components = fitted_alone(scene, uv.component(SOURCE))
        (level,) = noise_levels(scene, components)
        assert level == pytest.approx((0.1 / assumed) ** 2, rel=0.1)
        (plain,), (levelled,) = misfits(scene, components), misfits(scene, components, levels=[level])
        assert levelled.ratio == pytest.approx(plain.ratio / level)
    assert noise_levels(scene, []) == []


def test_level_of_the_noise_is_not_that_of_what_a_source_leaves(uv, uv_beam, round_source):
    """One source of many beams in the image."""
    noise = 0.1
    cube = moving(uv, round_source, 0.15, -0.25) + uv.noise(np.random.default_rng(5), white=noise)
    scene = uv.scene(cube, uv_beam, noise)
    components = fitted_alone(scene, uv.component(round_source))
    (level,) = noise_levels(scene, components)
    (one,) = misfits(scene, components, levels=[level])
    assert level < 1.3
    assert one.probability < 1e-6
