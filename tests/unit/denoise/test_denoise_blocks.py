"""The same bits whatever is denoised together; no seams; blanks stay where they are."""

import numpy as np
import pytest
import torch

from cubefocus.denoise.blocks import denoise_array
from cubefocus.denoise.metrics import largest_step
from cubefocus.denoise.tiles import Tiling
from cubefocus.errors import CubefocusError

NOISE = 2.45e-6
SMALL = Tiling(176, 56)  # of the residual network of the tests: beyond its reach of 53 px


def noisy(sky_of, rng, n_y=150, n_x=230):
    return (sky_of(n_y, n_x, rng) + NOISE * rng.normal(size=(n_y, n_x))).astype(np.float32)


def same(one, other):
    return one.keys() == other.keys() and all(np.array_equal(one[key], other[key], equal_nan=True) for key in one)


@pytest.mark.parametrize("name", ["residual", "autoencoder"])
def test_threads_and_tiles_at_a_time_change_no_bit(name, request, sky_of, rng):
    denoiser, image = request.getfixturevalue(name), noisy(sky_of, rng)
    tiling = SMALL if name == "residual" else None
    before = torch.get_num_threads()
    made = denoise_array(denoiser, image, tiling)
    for batch in (7, 300):
        assert same(denoise_array(denoiser, image, tiling, batch), made)
    try:
        torch.set_num_threads(3)
        assert same(denoise_array(denoiser, image, tiling), made)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    assert not np.allclose(made["denoised"], image, rtol=0.1)


def test_the_residual_network_has_no_seams(residual, sky_of, rng):
    image = noisy(sky_of, rng)
    whole = denoise_array(residual, image, Tiling(384, 64))  # one tile
    for tiling in (SMALL, Tiling(232, 56), Tiling(192, 64)):
        made = denoise_array(residual, image, tiling)
        for key in whole:
            assert np.allclose(made[key], whole[key], rtol=1e-4, atol=1e-3 * NOISE)
        borders = tuple(tiling.borders(length) for length in image.shape)
        assert largest_step(made["denoised"], whole["denoised"], borders) < 1e-2 * NOISE
    without_margin = denoise_array(residual, image, Tiling(64, 0))
    assert largest_step(without_margin["denoised"], whole["denoised"], tuple(map(Tiling(64, 0).borders, image.shape))) \
        > 1e-2 * NOISE, "the test sees seams where there are some"  # fmt: skip


@pytest.mark.parametrize("name", ["residual", "autoencoder"])
def test_blanks_stay_and_do_not_spread(name, request, sky_of, rng):
    denoiser, image = request.getfixturevalue(name), noisy(sky_of, rng, 70, 90)
    tiling = Tiling(128, 56) if name == "residual" else None
    image[20:30, 40:45], image[:, 88:], image[5, 5] = np.nan, np.nan, np.inf
    empty = np.where(np.isfinite(image), image, np.float32(0))
    made, expected = denoise_array(denoiser, image, tiling), denoise_array(denoiser, empty, tiling)
    for key, values in made.items():
        assert np.array_equal(values, np.where(np.isfinite(image), expected[key], np.nan), equal_nan=True), key


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (8, 8)])
def test_images_smaller_than_a_tile(residual, autoencoder, shape):
    image = np.full(shape, 1e-6, dtype=np.float32)
    for denoiser, tiling in ((residual, Tiling(128, 56)), (autoencoder, None)):
        for values in denoise_array(denoiser, image, tiling).values():
            assert values.shape == shape
            assert np.isfinite(values).all()


def test_an_image_of_blanks_only(autoencoder):
    assert np.isnan(denoise_array(autoencoder, np.full((20, 20), np.nan, np.float32))["denoised"]).all()


def test_default_tiles_are_those_of_the_networks(residual, autoencoder):
    assert (autoencoder.tiling.tile, autoencoder.tiling.keep) == (32, 16), "the central half"
    assert residual.tiling == Tiling(768, 128)
    assert residual.tiling.margin > residual.model.reach
    assert (residual.group(768), autoencoder.group(128)) == (1, 16)


def test_what_is_no_image_is_refused(autoencoder):
    for shape in ((3, 4, 5), (0, 4)):
        with pytest.raises(CubefocusError, match=r"an image has the shape \(y, x\), not"):
            denoise_array(autoencoder, np.zeros(shape))
    with pytest.raises(CubefocusError, match="takes tiles of 32 x 32 px"):
        denoise_array(autoencoder, np.zeros((40, 40)), Tiling(64, 16))
