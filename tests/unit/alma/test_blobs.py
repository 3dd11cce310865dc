"""Tiles, padding and boxes."""

import numpy as np
import pytest

from cubefocus.alma.blobs import find_blobs, probability_maps, tile_origins
from cubefocus.cube.cutouts import centre_crop, scale01
from cubefocus.errors import CubefocusError
from cubefocus.settings import BlobSettings

SETTINGS = BlobSettings()


def test_tiles_of_one_scale_agree_with_the_whole_image_for_a_pixelwise_network():
    image = np.zeros((150, 90), np.float32)
    image[8::16, 8::16] = 1.0  # the same minimum and maximum in each tile, and no noise
    tiled = probability_maps([image], np.sqrt, 64, SETTINGS)[0]
    np.testing.assert_allclose(tiled, image, atol=1e-6)


def learned(images):
    """What a network learned: pixels above what is as bright as the image is deep are sources, the brightest is 1."""
    level = np.median(images, axis=(1, 2), keepdims=True)
    depth = level - images.min(axis=(1, 2), keepdims=True)
    top = images.max(axis=(1, 2), keepdims=True)
    return np.where(images > level + 1.3 * depth, (images - level) / (top - level), 0.0)


def sky(sources, shape=(640, 640), seed=0):
    image = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    y, x = np.ogrid[: shape[0], : shape[1]]
    for px, py, peak in sources:
        image += peak * np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * 2.5**2))
    return image


def places(image, size=128):
    found = find_blobs(probability_maps([image], learned, size, SETTINGS)[0], SETTINGS)
    return sorted((round(one.centre[0], -1), round(one.centre[1], -1)) for one in found)


def test_faint_source_is_found_whatever_is_far_away():
    faint = (600.0, 300.0, 20.0)
    assert places(sky([faint])) == [(600, 300)]
    assert places(sky([faint, (40.0, 300.0, 20000.0)])) == [(40, 300), (600, 300)]


@pytest.mark.parametrize("others", [[200.0], [20000.0], [20000.0, 1500.0], [1e6, 1e4, 300.0]])
@pytest.mark.parametrize("size", [128, None])
def test_faint_source_is_found_beside_brighter_ones_in_the_same_tile(others, size):
    corners = [(30.0, 30.0), (30.0, 100.0), (100.0, 30.0)]
    sources = [(x, y, peak) for (x, y), peak in zip(corners, others, strict=False)]
    expected = sorted([(round(x, -1), round(y, -1)) for x, y, _ in sources] + [(100, 100)])
    assert places(sky([*sources, (100.0, 100.0, 20.0)], (128, 128)), size) == expected


def test_box_of_a_bright_source_does_not_change_with_its_brightness():
    boxes = []
    for peak in (45.0, 20000.0):
        image = sky([(60.0, 60.0, peak)], (128, 128))
        (blob,) = find_blobs(probability_maps([image], learned, 128, SETTINGS)[0], SETTINGS)
        boxes.append(blob.box)
    np.testing.assert_allclose(boxes[0], boxes[1], atol=1)


def test_side_lobes_of_a_bright_source_are_no_sources():
    y, x = np.mgrid[:128, :128] - 64.0
    radius = np.hypot(x, y)
    lobes = 150.0 * np.cos(radius / 3.0) * np.exp(-radius / 12.0)
    assert places(sky([(64.0, 64.0, 2000.0)], (128, 128)) + lobes.astype(np.float32)) == [(60, 60)]


def test_tile_of_pure_noise_is_not_blown_up():
    seen = []
    probability_maps([sky([], (300, 300))], lambda images: seen.append(images) or images, 128, SETTINGS)
    (tiles,) = seen
    assert len(tiles) > 4
    assert tiles.max() < 0.5
    assert places(sky([], (300, 300))) == []


def test_tiles_are_the_same_for_a_cube_of_any_unit():
    image = sky([(60.0, 60.0, 30.0), (250.0, 200.0, 15.0)], (300, 300))
    assert places(image) == places(image * np.float32(1e-6)) == places(image * np.float32(7e5))


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
