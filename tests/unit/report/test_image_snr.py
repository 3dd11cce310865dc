"""One SNR for all methods: brightest pixel of a box over the noise of the integrated image."""

import numpy as np
import pytest
from astropy.table import Table

from cubefocus.report.image_snr import SNR, with_image_snr


def detections(boxes, cube=3):
    names = ("x0", "y0", "x1", "y1")
    return Table({"cube_id": [cube] * len(boxes), **dict(zip(names, np.transpose(boxes), strict=True))})


def test_it_is_the_peak_over_the_noise_whatever_the_offset():
    image = np.random.default_rng(1).normal(100.0, 2.0, (120, 120))
    image[40, 50] = 160.0
    image[:, :20], image[:20] = np.nan, 0.0  # both are no data
    table = detections([(45, 35, 56, 46), (0, 0, 15, 15)])
    found = with_image_snr(table, {3: image})
    assert found[SNR][0] == pytest.approx(30.0, rel=0.05)
    assert np.isnan(found[SNR][1])
    assert SNR not in table.colnames


def test_inverted_data_have_the_snr_of_their_own():
    image = np.random.default_rng(2).normal(0.0, 1.0, (120, 120))
    image[60, 60] = -25.0
    table = detections([(55, 55, 66, 66)])
    assert with_image_snr(table, {3: -image})[SNR][0] == pytest.approx(25.0, rel=0.05)
    assert 1.0 <= with_image_snr(table, {3: image})[SNR][0] < 5.0
    assert with_image_snr(detections([(60, 60, 61, 61)]), {3: image})[SNR][0] == 1.0


def test_no_detections_have_no_snr():
    empty = Table(names=["cube_id", "x0", "y0", "x1", "y1"])
    assert len(with_image_snr(empty, {})[SNR]) == 0
