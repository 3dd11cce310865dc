"""Tiles, padding and boxes."""

import numpy as np
import pytest

from cubefocus.alma.blobs import find_blobs, probability_maps, tile_origins
from cubefocus.cube.cutouts import centre_crop, scale01
from cubefocus.errors import CubefocusError
from cubefocus.settings import BlobSettings

SETTINGS = BlobSettings()


def test_tiles_agree_with_the_whole_image_for_a_pixelwise_network():
    image = np.random.default_rng(0).normal(size=(150, 90)).astype(np.float32)
    tiled = probability_maps([image], np.sqrt, 64, SETTINGS)[0]
    whole = probability_maps([image], np.sqrt, None, SETTINGS)[0]
    np.testing.assert_allclose(tiled, whole, atol=1e-6)


def test_tiles_cover_every_pixel_and_overlap():
    origins = tile_origins(0, 300, 300, 128, SETTINGS)
    assert origins[0] == 0
    assert origins[-1] + 128 == 300
    assert np.diff(origins).max() <= 128 * (1 - SETTINGS.overlap)


def test_image_of_the_network_s_size_goes_through_as_it_is():
    image = np.random.default_rng(0).normal(size=(32, 32)).astype(np.float32)
    seen = []
    probability_maps([image], lambda images: seen.append(images) or images, 32, SETTINGS)
    np.testing.assert_array_equal(seen[0], scale01(image[np.newaxis]))


def test_blanked_rim_leaves_one_tile_in_the_middle_as_in_training():
    image = np.full((64, 64), np.nan, dtype=np.float32)
    image[20:44, 20:44] = np.random.default_rng(0).normal(size=(24, 24))
    seen = []
    probability_maps([image], lambda images: seen.append(images) or images, 32, SETTINGS)
    expected = scale01(centre_crop(np.nan_to_num(image), 32)[np.newaxis])
    np.testing.assert_allclose(seen[0], expected, atol=1e-6)


def test_smaller_image_is_padded_with_no_flux_and_cut_back():
    image = np.arange(1.0, 101.0, dtype=np.float32).reshape(10, 10)
    result = probability_maps([image], lambda images: images, 16, SETTINGS)[0]
    np.testing.assert_allclose(result, image / 100.0, rtol=1e-6)


def test_centre_only_leaves_the_rim_without_probability():
    image = np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32)
    result = probability_maps([image], np.ones_like, 32, BlobSettings(field="centre"))[0]
    assert result[16:48, 16:48].min() == 1.0
    assert result.sum() == 32 * 32


def test_batch_of_different_sizes_keeps_its_order():
    images = [np.random.default_rng(i).normal(size=(20 + 4 * i, 30)).astype(np.float32) for i in range(3)]
    together = probability_maps(images, lambda part: part, None, SETTINGS)
    for image, result in zip(images, together, strict=True):
        np.testing.assert_allclose(result, scale01(image), atol=1e-6)


def test_boxes_are_half_open_and_diagonal_neighbours_are_one_blob():
    probability = np.zeros((20, 30))
    probability[5, 7] = 0.4
    probability[6, 8] = 0.8  # touches the first by a corner
    probability[15, 0] = 0.2
    probability[10, 20] = 0.1  # below the threshold
    blobs = {blob.box: blob for blob in find_blobs(probability, SETTINGS)}
    assert set(blobs) == {(7, 5, 9, 7), (0, 15, 1, 16)}
    assert blobs[7, 5, 9, 7].probability == 0.8
    assert blobs[7, 5, 9, 7].centre == pytest.approx((7 + 2 / 3, 5 + 2 / 3))


def test_blobs_smaller_than_asked_are_dropped():
    probability = np.zeros((20, 20))
    probability[3, 3] = probability[10:12, 10:12] = 0.5
    assert len(find_blobs(probability, SETTINGS)) == 2
    assert [blob.box for blob in find_blobs(probability, BlobSettings(min_pixels=2))] == [(10, 10, 12, 12)]


def test_unknown_splitting_is_refused():
    from cubefocus.settings import DetectionSettings

    with pytest.raises(CubefocusError, match=r"blobs\.split is 'saw'"):
        DetectionSettings.from_mapping({"blobs": {"split": "saw"}})
