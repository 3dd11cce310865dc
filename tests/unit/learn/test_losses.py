"""Losses against an independent implementation and their schedule."""

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from cubefocus.errors import CubefocusError
from cubefocus.learn.losses import VALIDATION_WEIGHTS, dssim, image_loss, loss_weights, ssim


@pytest.fixture
def pair():
    rng = np.random.default_rng(3)
    first = rng.random((40, 52))
    return first, np.clip(first + 0.2 * rng.normal(size=first.shape), 0, 1)


@pytest.mark.parametrize(
    ("window", "options"),
    [("gaussian", {"gaussian_weights": True, "sigma": 1.5}), ("uniform", {"win_size": 7})],
)
def test_ssim_agrees_with_scikit_image(pair, window, options):
    expected = structural_similarity(*pair, data_range=1.0, use_sample_covariance=False, **options)
    got = ssim(*(torch.from_numpy(image)[None, None] for image in pair), window)
    assert float(got) == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("window", ["gaussian", "uniform"])
def test_identical_images_have_similarity_one(window):
    images = torch.rand(3, 1, 24, 24, generator=torch.Generator().manual_seed(0))
    assert float(ssim(images, images, window)) == pytest.approx(1, abs=1e-6)
    assert float(dssim(images, images, window)) == pytest.approx(0, abs=1e-6)


def test_the_range_that_the_paper_prints_would_blind_the_measure(pair):
    images = [torch.from_numpy(image)[None, None] for image in pair]
    assert float(ssim(*images)) < 0.95
    assert float(ssim(*images, data_range=2.0**32 - 1)) == pytest.approx(1, abs=1e-12)


def test_ssim_of_a_batch_is_the_mean_over_its_images(pair):
    a, b = (torch.from_numpy(image)[None, None] for image in pair)
    both = ssim(torch.cat([a, a]), torch.cat([b, a]))
    assert float(both) == pytest.approx((float(ssim(a, b)) + 1) / 2)


def test_an_unknown_window_and_a_tiny_image_are_refused():
    images = torch.zeros(1, 1, 8, 8)
    with pytest.raises(CubefocusError, match="hann"):
        ssim(images, images, "hann")
    with pytest.raises(CubefocusError, match="8 px"):
        ssim(images, images)


def test_weights_go_from_l1_to_dssim_in_equal_steps():
    weights = [loss_weights(epoch, 11) for epoch in range(11)]
    assert weights[0] == (1, 0)
    assert weights[-1] == (0, 1)
    assert np.allclose(np.diff(weights, axis=0), [[-0.1, 0.1]] * 10)
    assert loss_weights(0, 1) == (1, 0)


def test_the_image_loss_mixes_the_two_parts(pair):
    a, b = (torch.from_numpy(image)[None, None] for image in pair)
    l1 = float((a - b).abs().mean())
    assert float(image_loss(a, b, (1, 0))) == pytest.approx(l1)
    assert float(image_loss(a, b, (0, 1))) == pytest.approx(float(dssim(a, b)))
    assert float(image_loss(a, b, VALIDATION_WEIGHTS)) == pytest.approx(0.5 * l1 + 0.5 * float(dssim(a, b)))
