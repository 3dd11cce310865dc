"""Augmentation must turn an image and what is known of it alike."""

import math

import numpy as np
import pytest
import torch
from train_products import gaussian

from cubefocus.learn import augment

N, SIZE = 32, 41


@pytest.fixture
def u():
    return torch.rand(N, augment.N_RANDOM, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def sources():
    rng = np.random.default_rng(2)
    return [rng.uniform(low, high, N).astype(np.float32) for low, high in ((1.5, 4), (1.5, 4), (0, 90))]


def render(parameters):
    centre = np.full(N, (SIZE - 1) / 2)
    return torch.from_numpy(gaussian(SIZE, centre, centre, *(np.asarray(each) for each in parameters))).float()


def test_dihedral_images_are_those_of_the_changed_parameters(u, sources):
    changed = augment.dihedral_parameters([torch.from_numpy(each) for each in sources], u)
    assert torch.allclose(augment.dihedral(render(sources), u), render(changed), atol=1e-5)
    assert float(changed[2].min()) >= 0
    assert float(changed[2].max()) <= 90


def test_all_eight_elements_of_the_group_are_drawn():
    bits = torch.tensor([[i & 1, i >> 1 & 1, i >> 2 & 1, 0, 0] for i in range(8)]) * 0.9
    image = torch.rand(1, 5, 5, generator=torch.Generator().manual_seed(0)).expand(8, 5, 5)
    drawn = {tuple(each.flatten().tolist()) for each in augment.dihedral(image, bits)}
    expected = {
        tuple(turned.flatten().tolist())
        for quarter in range(4)
        for turned in (image[0].rot90(quarter), image[0].T.rot90(quarter))
    }
    assert drawn == expected
    assert len(expected) == 8


def test_rotated_images_are_those_of_the_changed_parameters(u, sources):
    grid = augment.rotation_grid((SIZE, SIZE), SIZE, u)
    changed = augment.rotated_parameters([torch.from_numpy(each) for each in sources], u)
    assert torch.allclose(augment.sample(render(sources), grid, noisy=True), render(changed), atol=0.03)
    assert float(changed[2].min()) >= 0
    assert float(changed[2].max()) <= 90


def test_a_half_turn_changes_no_gaussian(u, sources):
    images = render(sources)
    turned = augment.half_turn(images, u)
    assert torch.allclose(turned, images, atol=1e-6)
    mark = torch.zeros(N, 5, 5)
    mark[:, 0, 1] = 1
    moved = augment.half_turn(mark, u)[:, 4, 3] == 1
    assert 0 < int(moved.sum()) < N


def test_a_rotation_crops_the_centre_at_the_same_scale():
    image = torch.zeros(1, 60, 60)
    image[0, 29:31, 29:31] = 1  # the centre of 60 px
    image[0, 29, 44] = 5  # 14.5 px from it
    nothing = torch.tensor([[0.0, 0.9, 0.9, 0, 0]])
    cut = augment.sample(image, augment.rotation_grid((60, 60), 40, nothing), noisy=False)
    assert torch.allclose(cut, augment.centre_crop(image, 40), atol=1e-4)


def centroid(images, axis):
    coordinate = torch.arange(images.shape[axis], dtype=torch.float32)
    profile = images.sum(dim=3 - axis)
    return (profile * coordinate).sum(dim=1) / profile.sum(dim=1)


def test_dirty_and_sky_stay_aligned_under_rotation(u):
    rng = np.random.default_rng(0)
    shape = [np.full(N, 2.0), np.full(N, 2.0), np.zeros(N)]
    images = torch.from_numpy(gaussian(48, rng.uniform(16, 32, N), rng.uniform(16, 32, N), *shape)).float()
    grid = augment.rotation_grid((48, 48), 32, u)
    dirty, sky = augment.sample(images, grid, noisy=True), augment.sample(images, grid, noisy=False)
    for axis in (1, 2):
        assert torch.allclose(centroid(dirty, axis), centroid(sky, axis), atol=0.1)


def test_cubic_interpolation_keeps_most_of_the_noise(u):
    noise = torch.randn(N, 64, 64, generator=torch.Generator().manual_seed(0))
    grid = augment.rotation_grid((64, 64), 40, u)
    kept = augment.sample(noise, grid, noisy=True).var()
    assert 0.7 < float(kept) < 1
    assert float(augment.sample(noise, grid, noisy=False).var()) < float(kept) - 0.2


def test_spectra_are_reversed_or_rolled_in_pairs(u):
    dirty = torch.arange(10.0).repeat(N, 1)
    reversed_, sky = augment.spectra(dirty, 2 * dirty, u, roll=False)
    assert torch.equal(sky, 2 * reversed_)
    assert {tuple(row) for row in reversed_.tolist()} == {tuple(range(10)), tuple(range(9, -1, -1))}
    rolled, sky = augment.spectra(dirty, 2 * dirty, u, roll=True)
    assert torch.equal(sky, 2 * rolled)
    steps = rolled.diff(dim=1) % 10
    assert bool(((steps == 1).all(dim=1) | (steps == 9).all(dim=1)).all())


def test_pairs_of_images_move_round_together(u):
    image = torch.arange(12 * 12.0).view(12, 12)
    pairs = torch.stack([image, 2 * image]).expand(N, 2, 12, 12)
    moved = augment.roll_images(pairs, u, reach=3)
    assert torch.equal(moved[:, 1], 2 * moved[:, 0])
    steps = {(dy, dx): image.roll((dy, dx), (0, 1)) for dy in range(-3, 4) for dx in range(-3, 4)}
    found = [next(step for step, rolled in steps.items() if torch.equal(rolled, one)) for one in moved[:, 0]]
    assert len(set(found)) > N // 2
    assert {dy for dy, _ in found} == {dx for _, dx in found} == set(range(-3, 4))


def test_scalings_of_ordinary_and_constant_samples():
    arrays = torch.stack([torch.linspace(-3, 5, 12), torch.full((12,), 7.0)])
    scaled, standard = augment.scale01(arrays), augment.standardise(arrays)
    assert scaled[0].min() == 0
    assert scaled[0].max() == 1
    assert float(standard[0].mean()) == pytest.approx(0, abs=1e-6)
    assert float(standard[0].std(unbiased=False)) == pytest.approx(1, abs=1e-6)
    assert not scaled[1].any()
    assert not standard[1].any()
    assert augment.peak(torch.tensor([[[-4.0, 1.0]], [[0.0, 0.0]]])).tolist() == [4, 1]


def test_a_quarter_turn_needs_no_interpolation():
    image = torch.rand(1, 16, 16, generator=torch.Generator().manual_seed(0))
    quarter = torch.tensor([[0.25, 0.9, 0.9, 0, 0]])
    turned = augment.sample(image, augment.rotation_grid((16, 16), 16, quarter), noisy=True)
    assert torch.allclose(turned[0], image[0].rot90(1), atol=1e-4) or torch.allclose(
        turned[0], image[0].rot90(-1), atol=1e-4
    )
    assert math.isclose(float(turned.sum()), float(image.sum()), rel_tol=1e-4)
