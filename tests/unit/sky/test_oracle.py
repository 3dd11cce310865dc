"""The bound that every detection is measured against: plain labelling of the perfect map of the paper's sky."""

from __future__ import annotations

import numpy as np
import paper
import pytest
from astropy.table import Table
from scipy.optimize import linear_sum_assignment
from skimage.measure import label, regionprops

from cubefocus.cube.cutouts import scale01
from cubefocus.instrument.observation import Observation
from cubefocus.sky.boxes import true_boxes
from cubefocus.sky.catalogue import draw_catalogue
from cubefocus.sky.model import emissions, integrated_images
from cubefocus.tables.boxes import iou_2d

LEVEL = 0.15


def label_boxes(image: np.ndarray) -> np.ndarray:
    regions = regionprops(label(image >= LEVEL, connectivity=2))
    return np.array([[x0, y0, x1, y1] for y0, x0, y1, x1 in (region.bbox for region in regions)])


def n_matched(found: np.ndarray, true: np.ndarray) -> int:
    overlap = iou_2d(found, true)
    centres = [0.5 * (boxes[:, :2] + boxes[:, 2:]) for boxes in (found, true)]
    apart = np.linalg.norm(centres[0][:, None] - centres[1], axis=-1)
    score = np.where((overlap >= 0.6) & (apart < 3), overlap, 0.0)
    return int(np.count_nonzero(score[linear_sum_assignment(score, maximize=True)]))


def oracle(rows: Table, observation: Observation) -> tuple[int, int]:
    """Sources found in one cube and false detections."""
    parts = emissions(rows, observation)
    whole = integrated_images(parts, observation.n_pixels)
    true = true_boxes([part.window for part in parts], [part.integrated() for part in parts], whole, LEVEL)
    found = label_boxes(scale01(whole))
    hits = n_matched(found, true)
    return hits, len(found) - hits


def test_perfect_map_of_the_papers_sky_is_found_to_0_895():
    catalogue = draw_catalogue(paper.SKY, 128, {"train": 400}, (10.0, 30.0), seed=1, n_pixels=360)
    cubes = [catalogue[catalogue["cube_id"] == cube] for cube in range(400)]
    hits = sum(oracle(rows, paper.OBSERVATION)[0] for rows in cubes)
    assert len(catalogue) > 1600
    assert hits / len(catalogue) == pytest.approx(0.895, abs=0.02)
