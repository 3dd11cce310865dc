"""Gaussian sources and sky cubes: flux, brightness, rotation, widths, power law, windows."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import paper
import pytest

from cubefocus.errors import CubefocusError
from cubefocus.instrument.observation import Observation
from cubefocus.sky.catalogue import draw_catalogue, select
from cubefocus.sky.model import cube_scale, emissions, integrated_images, sky_cube, source_cube
from cubefocus.sky.registry import SKY_TYPES


def moments(image):
    """Centroid (x, y) and covariance matrix of an image in pixels."""
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    weights = image / image.sum()
    mean_x, mean_y = (x * weights).sum(), (y * weights).sum()
    xy = np.stack([x - mean_x, y - mean_y])
    return (mean_x, mean_y), np.einsum("aij,bij,ij->ab", xy, xy, weights)


def test_gaussian_source_is_equation_3_voxel_by_voxel(observation, make_rows):
    rows = make_rows({"pa": 30.0, "spectral_index": 1.5, "x": 30.0, "y": 35.0})
    row, cube = rows[0], source_cube(rows[0], observation, scale=1.0)
    nu = observation.frequencies_hz
    for c, y, x in ((0, 35, 30), (16, 37, 33), (18, 30, 31), (31, 40, 20)):
        dx, dy, angle = x - row["x"], y - row["y"], math.radians(30)
        along = dx * math.cos(angle) - dy * math.sin(angle)
        across = dx * math.sin(angle) + dy * math.cos(angle)
        g = math.exp(-0.5 * ((along / 4.0) ** 2 + (across / 2.5) ** 2))
        line = 3.0 * math.exp(-((c - 16.0) ** 2) / (2 * (4.0 / 2.35482) ** 2))
        assert cube[c, y, x] == pytest.approx(2.0 * (nu[0] / nu[c]) ** 1.5 * g * (1 + line), rel=1e-5)


def test_flux_of_a_gaussian_is_conserved(observation, make_rows):
    part = emissions(make_rows({"pa": 25.0}), observation)[0]
    area = 2 * math.pi * 4.0 * 2.5
    assert part.image.sum() == pytest.approx(area, rel=1e-6)
    assert part.continuum_spectrum() == pytest.approx(np.full(32, 2.0 * area), rel=1e-6)
    line = 2.0 * area * 3.0 * 4.0 * math.sqrt(math.pi / (4 * math.log(2)))
    assert part.line_spectrum().sum() == pytest.approx(line, rel=1e-6)


def test_widths_measured_on_the_image_are_standard_deviations(observation, make_rows):
    image = source_cube(make_rows({"pa": 0.0})[0], observation).sum(axis=0, dtype=float)
    (x, y), covariance = moments(image)
    assert (x, y) == pytest.approx((32.0, 32.0), abs=1e-5)
    assert np.sqrt(np.diag(covariance)) == pytest.approx([4.0, 2.5], rel=1e-4)
    above = image[32] >= 0.5 * image[32].max()
    assert above.sum() == pytest.approx(2.35482 * 4.0, abs=1.0)  # the FWHM, 9.4 px, is another thing


def test_position_angle_turns_the_first_axis_clockwise(observation, make_rows):
    _, upright = moments(source_cube(make_rows({"pa": 30.0})[0], observation).sum(axis=0, dtype=float))
    values, vectors = np.linalg.eigh(upright)
    major = vectors[:, np.argmax(values)]
    # With y up, 30 deg clockwise from +x points to +x, -y.
    assert math.degrees(math.atan2(major[1], major[0])) % 180 == pytest.approx(180 - 30, abs=0.01)
    _, quarter = moments(source_cube(make_rows({"pa": 90.0})[0], observation).sum(axis=0, dtype=float))
    assert np.sqrt(np.diag(quarter)) == pytest.approx([2.5, 4.0], rel=1e-4)


def test_continuum_follows_the_power_law(observation, make_rows):
    rows = make_rows({"spectral_index": -1.7, "line_amplitude": 0.0})
    spectrum = source_cube(rows[0], observation)[:, 32, 32].astype(float)
    slope = np.polyfit(np.log(observation.frequencies_hz), np.log(spectrum), 1)[0]
    assert slope == pytest.approx(1.7, abs=0.01)  # (nu_0 / nu)^s


def test_line_has_its_centre_and_fwhm(observation, make_rows):
    rows = make_rows({"z": 14.3, "fwhm_z": 5.0})
    line = source_cube(rows[0], observation, scale=1.0)[:, 32, 32] / 2.0 - 1.0
    channels = np.arange(32)
    assert (channels * line).sum() / line.sum() == pytest.approx(14.3, abs=1e-3)
    assert np.interp(14.3 + 2.5, channels, line) == pytest.approx(1.5, rel=0.03)


@pytest.mark.parametrize("kind", SKY_TYPES)
def test_brightest_voxel_of_any_sky_is_inbright(kind):
    observation = Observation(n_channels=128, n_pixels=360, inbright=0.0025)
    rows = draw_catalogue({**paper.SKY, "types": {kind: 1.0}}, 128, {"train": 1}, (10, 30), 4, n_pixels=360)
    cube = sky_cube(rows, observation)
    assert cube.dtype == np.float32
    assert cube.shape == (128, 360, 360)
    assert cube.max() == pytest.approx(0.0025, rel=1e-6)
    assert cube.min() >= 0
    assert np.isfinite(cube).all()


def test_empty_field_is_dark(observation, make_rows):
    cube = sky_cube(make_rows()[:0], observation)
    assert cube.shape == (32, 64, 64)
    assert not cube.any()


@pytest.mark.parametrize("kind", SKY_TYPES)
def test_cube_is_the_sum_of_its_sources_and_integrates_to_the_image(kind):
    observation = Observation(n_channels=64, n_pixels=128)
    sky = {"types": {kind: 1.0}, "position": [30, 100], "line_centre": [5, 60]}
    rows = draw_catalogue(sky, 64, {"train": 1}, (10, 30), 2, n_pixels=128)
    cube, parts = sky_cube(rows, observation), emissions(rows, observation)
    scale = cube_scale(parts, cube)
    alone = sum(source_cube(row, observation, scale).astype(float) for row in rows)
    np.testing.assert_allclose(cube, alone, rtol=1e-4, atol=1e-9)
    image = integrated_images(parts, 128) * scale
    np.testing.assert_allclose(image, cube.sum(axis=0, dtype=float), rtol=1e-4, atol=1e-8)
    for part in parts:
        both = part.continuum_spectrum() + part.line_spectrum()
        assert both == pytest.approx(part.voxels().sum(axis=(1, 2), dtype=float), rel=1e-4)


def test_window_loses_nothing_that_float32_could_show(observation, make_rows):
    rows = make_rows({"sigma_x": 5.0, "sigma_y": 2.0, "pa": 20.0})
    part = emissions(rows, observation)[0]
    y, x = np.mgrid[:64, :64]
    cos, sin = math.cos(math.radians(20)), math.sin(math.radians(20))
    dx, dy = x - 32, y - 32
    full = np.exp(-0.5 * (((dx * cos - dy * sin) / 5) ** 2 + ((dx * sin + dy * cos) / 2) ** 2))
    padded = np.zeros((64, 64))
    padded[part.window] = part.image
    assert part.image.size < 0.7 * 64 * 64
    assert np.abs(padded - full).max() < 1e-7


def test_source_at_the_edge_is_cut_not_refused(observation, make_rows):
    cube = source_cube(make_rows({"x": 0.0, "y": 63.0})[0], observation)
    assert np.unravel_index(cube.argmax(), cube.shape) == (16, 63, 0)


def test_source_outside_the_image_is_refused(observation, make_rows):
    with pytest.raises(CubefocusError, match=r"x = 64\.0"):
        sky_cube(make_rows({"x": 64.0}), observation)


def test_unknown_sky_type_is_named(observation, make_rows):
    rows = make_rows({})
    rows["type"] = ["quasar"]
    with pytest.raises(CubefocusError, match="quasar"):
        sky_cube(rows, observation)


def test_scale_of_a_foreign_cube_is_refused(observation, make_rows):
    parts = emissions(make_rows({"x": 10.0, "y": 10.0, "sigma_x": 1.0, "sigma_y": 1.0}), observation)
    foreign = sky_cube(make_rows({"x": 50.0, "y": 50.0}), observation)
    with pytest.raises(CubefocusError, match="none of the sources"):
        cube_scale(parts, foreign)


def test_paper_size_cube_makes_no_copy_of_itself():
    observation = paper.OBSERVATION
    catalogue = draw_catalogue({**paper.SKY, "n_sources": [5, 5]}, 128, {"train": 1}, (10, 30), 1, n_pixels=360)
    tracemalloc.start()
    cube = sky_cube(select(catalogue, [0]), observation)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.5 * cube.nbytes
