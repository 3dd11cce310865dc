"""The model of a cube: images, projections, normal equations and chi^2, against whole cubes and their derivatives."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from uv_instrument import Truth, UvInstrument

from cubefocus.fit.beam import Beam, channels_of
from cubefocus.fit.model import Scene
from cubefocus.fit.noise import known_noise
from cubefocus.fit.products import IMAGES
from cubefocus.fit.source import Component

BLEND = (
    Truth(x=27.4, y=30.2, lines=((1.5, 6.3, 4.0), (-0.7, 11.0, 3.0)), index=0.5),
    Truth(x=34.1, y=35.3, sigma_x=3.0, sigma_y=1.5, pa=110.0, continuum=0.6, lines=((2.0, 8.0, 3.0),)),
)


@pytest.fixture(scope="module")
def truth_scene(uv, uv_beam):
    return uv.scene(uv.dirty(*BLEND), uv_beam, 0.01)


def cube_of(scene: Scene, components: list[Component]) -> np.ndarray:
    """The model in the weighted samples, as the equations have it, float64."""
    cube = np.zeros(scene.data.shape)
    spectra = [scene.spectral.of(one, gain)[0] for one, gain in zip(components, scene.gains(components), strict=True)]
    for number, band in enumerate(scene.beam.bands):
        cube[band] = np.stack(spectra)[:, band].T @ scene.images(components, number)[::IMAGES].double().numpy()
    return cube


def jacobian(scene: Scene, components: list[Component], steps: np.ndarray) -> np.ndarray:
    """Derivatives of the whole model cube by all parameters, shape (parameter, channel x sample)."""
    columns, at = [], 0
    for number, one in enumerate(components):
        for parameter in range(len(one.values)):
            ends = []
            for sign in (1.0, -1.0):
                values = one.values.copy()
                values[parameter] += sign * steps[at]
                moved = [*components[:number], Component(values), *components[number + 1 :]]
                ends.append(cube_of(scene, moved))
            columns.append(((ends[0] - ends[1]) / (2.0 * steps[at])).reshape(-1))
            at += 1
    return np.stack(columns)


STEPS = np.array([0.02, 0.02, 0.01, 0.01, 0.01, 0.05, 0.1])
LINE_STEPS = np.array([0.05, 0.01, 0.004])


def steps_of(components):
    return np.concatenate([part for one in components for part in (STEPS, *[LINE_STEPS] * one.n_lines)])


def test_images_are_those_of_the_visibilities(uv, uv_beam):
    """White noise of 1: the samples are the dirty image at their places."""
    scene = uv.scene(np.zeros((16, 64, 64)), uv_beam, 1.0)
    source = BLEND[1]
    image = scene.images([uv.component(source)], 0)[0].numpy().reshape(uv_beam.grid.samples)
    visibilities = source.visibilities(uv.u, uv.v)
    y, x = (np.arange(n) * step for n, step in zip(uv_beam.grid.samples, uv_beam.grid.steps, strict=True))
    along_y, along_x = np.exp(2j * np.pi * np.outer(y, uv.v)), np.exp(2j * np.pi * np.outer(uv.u, x))
    wanted = ((along_y * visibilities) @ along_x).real / len(uv.u)
    assert image * uv_beam.grid.scale == pytest.approx(wanted, abs=2e-3 * wanted.max())


def test_derivatives_of_images(truth_scene, uv):
    """By x, y and the second moments xx, xy, yy, where xy stands for both places in the matrix."""
    one = uv.component(BLEND[1])
    found = truth_scene.images([one], 0).double().numpy()

    def image(x, y, cov):
        moved = Component.of(x, y, cov, [(8.0, 3.0)])
        return truth_scene.images([moved], 0)[0].double().numpy()

    (x, y), cov = one.centre, one.cov
    assert found[0] == pytest.approx(image(x, y, cov), abs=1e-5)
    step = 0.02
    sides = [np.array([[1.0, 0], [0, 0]]), np.array([[0, 1.0], [1.0, 0]]), np.array([[0, 0], [0, 1.0]])]
    wanted = [image(x + step, y, cov) - image(x - step, y, cov), image(x, y + step, cov) - image(x, y - step, cov)]
    wanted += [image(x, y, cov + step * side) - image(x, y, cov - step * side) for side in sides]
    for row, by in zip(found[1:], wanted, strict=True):
        assert row == pytest.approx(by / (2 * step), abs=2e-3 * np.abs(row).max())


def test_sources_are_made_together_as_they_are_alone(truth_scene, uv):
    both = [uv.component(one) for one in BLEND]
    alone = [truth_scene.images([one], 0) for one in both]
    assert torch.allclose(truth_scene.images(both, 0), torch.cat(alone), atol=1e-4)


@pytest.mark.parametrize("scaled", [False, True])
def test_normal_equations_are_those_of_the_derivatives_of_the_whole_cube(uv, uv_beam, scaled):
    """Away from the best parameters, with two blended sources and three lines."""
    if scaled:
        uv = UvInstrument(n_channels=6, bandwidth=0.2, scaled=True)
        uv_beam = uv.beam()
        assert len(uv_beam.bands) > 1
    noise = uv.noise(np.random.default_rng(2), 0.05)
    scene = uv.scene(uv.dirty(*BLEND) + noise, uv_beam, 0.05)
    there = [uv.component(one) for one in BLEND]
    there = [one.moved(0.3 * np.resize([1.0, -1.0], len(one.values))) for one in there]
    fisher, gradient = scene.products(there).equations()
    by = jacobian(scene, there, steps_of(there))
    residual = (scene.data.double().numpy() - cube_of(scene, there)).reshape(-1)
    size = np.sqrt(np.diag(fisher))
    assert fisher == pytest.approx(fisher.T)
    assert (by @ by.T) / np.outer(size, size) == pytest.approx(fisher / np.outer(size, size), abs=2e-3)
    assert by @ residual / size == pytest.approx(gradient / size, abs=2e-3 * np.abs(gradient / size).max())


def test_equations_of_the_fluxes_are_part_of_all(truth_scene, uv):
    both = [uv.component(one) for one in BLEND]
    products = truth_scene.products(both)
    fisher, _ = products.equations()
    matrix, right, chosen = products.amplitudes()
    assert chosen.tolist() == [5, 7, 10, 13 + 5, 13 + 7]
    assert matrix == pytest.approx(fisher[np.ix_(chosen, chosen)])
    # The cube holds these sources and no noise, so the equations give their fluxes.
    assert np.linalg.solve(matrix, right) == pytest.approx([1.0, 1.5, -0.7, 0.6, 2.0], abs=2e-3)


def test_chi2_is_the_sum_of_the_squares_of_the_residual(uv, uv_beam):
    scene = uv.scene(uv.dirty(*BLEND) + uv.noise(np.random.default_rng(3), 0.3), uv_beam, 0.3)
    start = float((scene.data.double() ** 2).sum())
    for components in ([uv.component(BLEND[0])], [uv.component(one).moved(np.full(10 + 3 * n, 0.1))
                       for n, one in ((1, BLEND[0]), (0, BLEND[1]))]):  # fmt: skip
        left = float((scene.residual(components).double() ** 2).sum())
        assert scene.products(components).chi2() == pytest.approx(left - start, abs=1e-4 * start)
    assert torch.equal(scene.residual([]), scene.data)


def test_white_noise_has_a_chi2_of_one_for_each_number_that_the_grid_keeps(uv, uv_beam):
    """A cell of the plane is one number, in an area four times the image; a little of it lies beyond the edge."""
    scene = uv.scene(uv.noise(np.random.default_rng(4), 0.2), uv_beam, 0.2)
    half = uv_beam.grid.half
    cells = (2 * half[0] + 1) * (2 * half[1] + 1) / 4
    assert 0.9 * cells < float((scene.data**2).sum()) / 16 < cells


def test_blank_places_and_channels_have_no_say(uv, uv_beam):
    cube = uv.dirty(*BLEND) + uv.noise(np.random.default_rng(5), 0.05)
    y, x = np.mgrid[:64, :64] - 32
    cube[:, np.hypot(x, y) > 28] = np.nan
    cube[4] = np.nan
    scene = uv.scene(cube, uv_beam)
    assert scene.used_channels == 15
    assert scene.n_channels == 16
    assert (scene.data[4] == 0).all()
    held = scene.held.reshape(uv_beam.grid.samples)
    assert not held[0].any()
    assert held[len(held) // 2, len(held) // 2]
    assert (scene.data[:, ~scene.held] == 0).all()
    both = [uv.component(one) for one in BLEND]
    assert (scene.residual(both)[4] == 0).all()
    assert (scene.residual(both)[:, ~scene.held] == 0).all()


def test_one_dirty_beam_in_bands_changes_nothing(uv, uv_beam):
    several = Beam(uv_beam.grid, (slice(0, 5), slice(5, 9), slice(9, 16)), np.repeat(uv_beam.transfer, 3, axis=0),
                   None, None, uv_beam.fwhm)  # fmt: skip
    assert channels_of(several.bands, 16).tolist() == [0] * 5 + [1] * 4 + [2] * 7
    cube = uv.dirty(*BLEND) + uv.noise(np.random.default_rng(6), 0.05)
    one, many = uv.scene(cube, uv_beam, 0.05), uv.scene(cube, several, 0.05)
    both = [uv.component(source) for source in BLEND]
    assert torch.allclose(one.residual(both), many.residual(both), atol=1e-3)
    for first, second in zip(one.products(both).equations(), many.products(both).equations(), strict=True):
        assert second == pytest.approx(first, rel=1e-5, abs=1e-4 * np.abs(first).max())
    assert one.products(both).chi2() == pytest.approx(many.products(both).chi2(), rel=1e-6)


def test_bands_explain_a_dirty_beam_that_scales_with_frequency():
    uv = UvInstrument(n_channels=5, bandwidth=0.2, scaled=True)
    cube, source = uv.dirty(BLEND[0]), [uv.component(BLEND[0])]
    left = []
    for change in (1.0, 0.05, 0.005):
        scene = uv.scene(cube, uv.beam(change), 0.01)
        left.append(math.sqrt(float((scene.residual(source) ** 2).sum() / (scene.data**2).sum())))
    assert left[0] > 0.02
    assert left[1] < 0.6 * left[0]
    assert left[2] < 0.1 * left[0]


def test_primary_beam_narrows_with_frequency_where_the_source_is():
    """A source off centre loses flux along the band as the primary beam does there; one in the middle does not."""
    uv = UvInstrument(n_channels=9, bandwidth=0.3)
    y, x = np.mgrid[:64, :64] - 32
    widths = 20.0 * uv.frequencies_hz[4] / uv.frequencies_hz
    primary = np.exp(-0.5 * (x**2 + y**2) / widths[:, None, None] ** 2)
    scene = uv.scene(np.zeros((9, 64, 64)), uv.beam(primary_beam=primary), 1.0)
    middle, off = scene.gains([uv.component(Truth(x=32, y=32)), uv.component(Truth(x=45, y=40))])
    assert middle == pytest.approx(np.ones(9))
    assert off == pytest.approx(primary[:, 40, 45] / primary[4, 40, 45], rel=0.01)
    assert off[4] == pytest.approx(1.0)


@pytest.mark.parametrize("blank", [0, 10])
@pytest.mark.parametrize("place", [(22.3, 25.6), (52.3, 45.6)])
def test_nothing_is_left_of_a_source_at_the_edges_of_the_data(uv, uv_beam, place, blank):
    """Noise of the visibilities alone, which is divided out over many pixels, and a source far above it."""
    source = replace(BLEND[0], x=place[0], y=place[1])
    cube = uv.dirty(source).astype(np.float32)
    cube[:, :, :blank] = np.nan
    scene = Scene.of(cube, uv_beam, uv.frequencies_hz, known_noise(uv_beam, uv.n_channels, 0.01, 0.05))
    left = scene.residual([uv.component(source)])
    assert float(left.abs().max()) < 2e-3 * float(scene.data.abs().max())
