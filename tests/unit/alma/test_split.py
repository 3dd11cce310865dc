"""Touching blobs told apart, and the bound that this gives on the perfect map of the paper's sky."""

import numpy as np
import paper
import pytest
from astropy.table import Table

from cubefocus.alma.blobs import find_blobs
from cubefocus.alma.split import SPLITTERS, symmetric
from cubefocus.cube.cutouts import scale01
from cubefocus.errors import CubefocusError
from cubefocus.report.oracle import chain_extraction, oracle_boxes
from cubefocus.settings import SPLITS, BlobSettings, DetectionSettings
from cubefocus.sky.boxes import true_boxes
from cubefocus.sky.catalogue import draw_catalogue
from cubefocus.sky.model import emissions, integrated_images
from cubefocus.tables.matching import match

PLAIN, WATERSHED = BlobSettings(split="none"), BlobSettings(split="watershed")
N_CUBES = 150


def gaussian(x, y, sigma_x, sigma_y, height=1.0, size=64):
    rows, columns = np.mgrid[:size, :size]
    return height * np.exp(-0.5 * (((columns - x) / sigma_x) ** 2 + ((rows - y) / sigma_y) ** 2))


def boxes(image, settings):
    return sorted(blob.box for blob in find_blobs(image, settings))


def test_settings_and_splitters_have_the_same_names():
    assert set(SPLITS) == set(SPLITTERS)


def test_touching_sources_get_the_boxes_that_they_have_alone():
    parts = [gaussian(20, 30, 5, 4), gaussian(38, 33, 4, 6, 0.7)]
    alone = [boxes(part, PLAIN)[0] for part in parts]
    assert len(boxes(sum(parts), PLAIN)) == 1
    np.testing.assert_allclose(boxes(sum(parts), WATERSHED), alone, atol=2)


@pytest.mark.parametrize("sigmas", [(3, 3), (8, 2), (2, 8)])
def test_single_source_keeps_its_box_in_a_rippled_map(sigmas):
    image = gaussian(31.3, 30.6, *sigmas) + 0.004 * np.random.default_rng(1).normal(size=(64, 64))
    assert boxes(image, WATERSHED) == boxes(image, PLAIN)
    assert len(boxes(image, WATERSHED)) == 1


def test_every_separate_blob_stays_and_every_label_is_its_own():
    image = gaussian(20, 20, 5, 5) + gaussian(34, 20, 5, 5)
    image[50, 50] = image[60, 3:6] = 0.2
    labels = SPLITTERS["watershed"](image >= 0.15, image, WATERSHED)
    assert set(np.unique(labels)) == {0, 1, 2, 3, 4}
    assert not labels[image < 0.15].any()


def test_flat_and_empty_maps():
    assert boxes(np.zeros((9, 9)), WATERSHED) == []
    assert boxes(np.ones((9, 9)), WATERSHED) == [(0, 0, 9, 9)]


def test_symmetric_keeps_what_has_a_counterpart():
    mask = np.zeros((5, 7), dtype=bool)
    mask[2, 1:6] = True
    assert np.flatnonzero(symmetric(mask, (2, 2))[2]).tolist() == [1, 2, 3]


@pytest.mark.parametrize(("key", "value"), [("split_smoothing", 0.0), ("split_prominence", 1.0)])
def test_value_out_of_range_is_named(key, value):
    with pytest.raises(CubefocusError, match=rf"blobs\.{key} is {value}"):
        DetectionSettings.from_mapping({"blobs": {key: value}})


@pytest.fixture(scope="module")
def paper_sky():
    """Perfect maps of the paper's sky, and the true boxes in them."""
    catalogue = draw_catalogue(paper.SKY, 128, {"train": N_CUBES}, (10.0, 30.0), seed=1, n_pixels=360)
    images, true = {}, []
    for cube in range(N_CUBES):
        parts = emissions(catalogue[catalogue["cube_id"] == cube], paper.OBSERVATION)
        images[cube] = integrated_images(parts, 360)
        own = true_boxes([part.window for part in parts], [part.integrated() for part in parts], images[cube], 0.15)
        true += [(cube, *box) for box in own.tolist()]
    return images, Table(rows=true, names=("cube_id", "x0", "y0", "x1", "y1"))


def test_perfect_map_is_found_almost_whole(paper_sky):
    images, true = paper_sky
    assert len(true) >= 600
    found = {one: oracle_boxes(images.items(), chain_extraction(BlobSettings(split=one))) for one in SPLITS}
    pairs = {one: match(found[one], true, iou=0.6, distance=3.0) for one in SPLITS}
    recall = {one: pairs[one].tp / len(true) for one in SPLITS}
    assert recall["none"] == pytest.approx(0.89, abs=0.02)
    assert recall["watershed"] >= 0.98
    assert pairs["watershed"].tp / len(found["watershed"]) >= 0.99
    assert pairs["watershed"].iou.mean() >= 0.99


def test_scaled_map_gives_the_same_pieces(paper_sky):
    image = scale01(paper_sky[0][0])
    assert boxes(image, WATERSHED) == boxes(image.astype(np.float32), WATERSHED)
