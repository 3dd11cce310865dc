"""Tiles cover images of any size."""

import numpy as np
import pytest

from cubefocus.denoise.tiles import Tiling, cut_tiles, mirrored
from cubefocus.errors import CubefocusError


def test_training_tiles_cover_the_image():
    image = np.arange(50 * 70).reshape(50, 70)
    tiles = cut_tiles(image, 16)
    assert tiles.shape == (4 * 5, 16, 16)
    assert set(np.unique(tiles)) == set(image.ravel())
    assert np.array_equal(tiles[0], image[:16, :16])
    assert np.array_equal(tiles[-1], image[-16:, -16:])


def test_training_tiles_fit_or_overlap():
    assert len(cut_tiles(np.zeros((64, 32)), 32)) == 2
    assert len(cut_tiles(np.zeros((64, 32)), 32, step=16)) == 3
    with pytest.raises(CubefocusError, match=r"\(20, 40\) px has no tile of 32 px"):
        cut_tiles(np.zeros((20, 40)), 32)


@pytest.mark.parametrize("length", [1, 2, 3, 10])
def test_places_beyond_the_edges_are_mirrored_as_numpy_does_it(length):
    padded = np.pad(np.arange(length), 25, mode="reflect")
    assert np.array_equal(mirrored(np.arange(-25, length + 25), length), padded)


@pytest.mark.parametrize("shape", [(1, 1), (5, 200), (64, 64), (130, 61)])
@pytest.mark.parametrize("tiling", [Tiling(32, 8), Tiling(48, 0), Tiling(40, 19)])
@pytest.mark.parametrize("at_once", [1, 3, 16])
def test_what_is_kept_of_all_tiles_is_the_image(shape, tiling, at_once):
    image = np.arange(1, shape[0] * shape[1] + 1).reshape(shape)
    made = np.zeros_like(image)
    for block in tiling.blocks(shape, at_once, tiling.rows(shape)):
        rows, columns = tiling.wanted(block, shape)
        tiles = tiling.split(image[np.ix_(rows, columns)])
        assert tiles.shape == (block.n_tiles, tiling.tile, tiling.tile)
        assert block.n_tiles <= at_once
        part = made[slice(*block.y), slice(*block.x)]
        assert not part.any(), "no pixel is written twice"
        part[:] = tiling.join(tiles, block)
    assert np.array_equal(made, image)


def test_the_central_half_is_kept_by_default():
    assert (Tiling().tile, Tiling().keep) == (128, 64)
    assert Tiling().borders(200).tolist() == [64, 128, 192]


@pytest.mark.parametrize("margin", [-1, 16, 20])
def test_tiles_that_keep_nothing_are_refused(margin):
    with pytest.raises(CubefocusError, match=f"margin of {margin} px keep nothing"):
        Tiling(32, margin)
