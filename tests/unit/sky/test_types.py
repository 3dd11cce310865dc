"""Sky types beyond the Gaussian: what their spectra and images look like."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import paper
import pytest
from scipy.signal import find_peaks

from cubefocus.instrument.observation import Observation
from cubefocus.settings import SkySettings
from cubefocus.sky.base import brightness
from cubefocus.sky.diffuse import random_texture
from cubefocus.sky.emission import Frame
from cubefocus.sky.kinematics import disc_line_width
from cubefocus.sky.model import emissions, source_cube
from cubefocus.sky.registry import SKY_TYPES

RANGES = SkySettings.from_mapping(paper.SKY).ranges
DISC = {
    "type": "disc", "sigma_x": 5.0, "sigma_y": 2.5, "inclination": 60.0, "rotation_velocity": 9.0,
    "velocity_dispersion": 0.6, "turnover_radius": 1.0, "fwhm_z": 18.0,
}  # fmt: skip


def half_width(axis, profile):
    """Distance between the outermost points at half of the maximum."""
    above = np.flatnonzero(profile >= 0.5 * profile.max())
    low, high = above[0], above[-1]
    level = 0.5 * profile.max()
    left = np.interp(level, profile[[low - 1, low]], axis[[low - 1, low]])
    return np.interp(level, profile[[high + 1, high]], axis[[high + 1, high]]) - left


def first_moment(line):
    """Line centre of each pixel in channels, where there is a line."""
    total = line.sum(axis=0)
    centre = (np.arange(len(line))[:, None, None] * line).sum(axis=0) / np.where(total > 0, total, 1)
    return np.where(total > 1e-3 * total.max(), centre, np.nan)


def test_point_fills_one_pixel(observation, make_rows):
    cube = source_cube(make_rows({"type": "point", "x": 20.0, "y": 41.0})[0], observation, scale=1.0)
    assert np.count_nonzero(cube.sum(axis=0)) == 1
    assert cube[16, 41, 20] == pytest.approx(2.0 * 4.0)
    assert cube[0, 41, 20] == pytest.approx(2.0, rel=1e-5)


def test_point_between_pixels_keeps_flux_and_centroid(observation, make_rows):
    image = source_cube(make_rows({"type": "point", "x": 20.25, "y": 41.5})[0], observation, scale=1.0)[0]
    y, x = np.mgrid[:64, :64]
    assert image.sum() == pytest.approx(2.0, rel=1e-5)
    assert (x * image).sum() / image.sum() == pytest.approx(20.25, rel=1e-5)
    assert (y * image).sum() / image.sum() == pytest.approx(41.5, rel=1e-5)


def test_inclined_disc_has_two_horns_a_face_on_one_has_none(observation, make_rows):
    inclined = emissions(make_rows(DISC), observation)[0].line_spectrum()
    peaks = find_peaks(inclined, prominence=0.1 * inclined.max())[0]
    assert len(peaks) == 2
    assert peaks.mean() == pytest.approx(16.0, abs=0.51)
    assert inclined[16] < 0.8 * inclined.max()
    face_on = {**DISC, "sigma_y": 5.0, "inclination": 0.0}
    single = emissions(make_rows(face_on), observation)[0].line_spectrum()
    assert len(find_peaks(single, prominence=0.1 * single.max())[0]) == 1
    assert single.sum() / 5.0 == pytest.approx(inclined.sum() / 2.5, rel=5e-3)  # rotation moves flux only


def test_disc_rotates_about_its_minor_axis_in_its_own_sense(observation, make_rows):
    for velocity in (9.0, -9.0):
        rows = make_rows({**DISC, "rotation_velocity": velocity, "pa": 90.0})
        part = emissions(rows, observation)[0]
        centre = first_moment(part.line)
        y, x = 32 - part.window[0].start, 32 - part.window[1].start
        # At pa = 90 the sigma_x axis points to -y; on the minor axis nothing moves along the line of sight.
        assert centre[y - 6, x] - 16 == pytest.approx(velocity * math.sin(math.radians(60)) * 0.895, rel=0.03)
        assert centre[y + 6, x] - 16 == pytest.approx(-(centre[y - 6, x] - 16), rel=1e-3)
        assert centre[y, x - 4 : x + 5] == pytest.approx(np.full(9, 16.0), abs=1e-3)


def test_disc_width_agrees_with_its_spectrum():
    observation = Observation(n_channels=400, n_pixels=96, channel_width_mhz=1.0)
    source = {**DISC, "x": 48.0, "y": 48.0, "z": 200.0, "pa": 20.0, "amplitude": 1.0, "line_amplitude": 1.0,
              "spectral_index": 0.0, "rotation_velocity": 60.0, "velocity_dispersion": 6.0}  # fmt: skip
    spectrum = SKY_TYPES["disc"].emission(source, Frame.of(observation)).line_spectrum()
    assert disc_line_width(source) == pytest.approx(half_width(np.arange(400.0), spectrum), rel=0.02)
    still = {**source, "inclination": 0.0}
    assert disc_line_width(still) == pytest.approx(2.35482 * 6.0, rel=0.01)


def test_several_lines_are_peaks_of_one_source(observation, make_rows):
    lines = {"type": "multi_line", "n_lines": 3, "z": 6.0, "fwhm_z": 3.0, "z_2": 15.0, "fwhm_z_2": 2.0,
             "line_amplitude_2": 2.0, "z_3": 25.0, "fwhm_z_3": 4.0, "line_amplitude_3": 1.0}  # fmt: skip
    cube = source_cube(make_rows(lines)[0], observation, scale=1.0)
    spectrum = cube[:, 32, 32] / 2.0 - 1.0
    assert find_peaks(spectrum, height=0.5)[0].tolist() == [6, 15, 25]
    assert spectrum[[6, 15, 25]] == pytest.approx([3.0, 2.0, 1.0], rel=1e-3)
    two = make_rows({**lines, "n_lines": 2, "z_3": None, "fwhm_z_3": None, "line_amplitude_3": None})
    assert find_peaks(source_cube(two[0], observation)[:, 32, 32], prominence=1e-5)[0].tolist() == [6, 15]


def test_drawn_lines_come_by_strength_and_do_not_overlap():
    rng = np.random.default_rng(3)
    counts = []
    for _ in range(200):
        source = SKY_TYPES["multi_line"].draw(RANGES, rng)
        lines = [(source[f"line_amplitude{s}"], source[f"z{s}"], source[f"fwhm_z{s}"])
                 for s in ("", "_2", "_3")[: source["n_lines"]]]  # fmt: skip
        counts.append(len(lines))
        assert lines == sorted(lines, reverse=True)
        for number, (_, z, width) in enumerate(lines):
            assert all(abs(z - other[1]) >= width + other[2] for other in lines[number + 1 :])
    assert {2, 3} <= set(counts)


def test_absorption_line_lies_below_the_continuum(observation, make_rows):
    depth = {"type": "absorption", "line_amplitude": -0.6, "optical_depth": -math.log(0.4)}
    cube = source_cube(make_rows(depth)[0], observation, scale=1.0)
    assert cube[16, 32, 32] == pytest.approx(2.0 * 0.4, rel=1e-5)
    assert cube[:, 32, 32].argmin() == 16
    assert cube[0, 32, 32] == pytest.approx(2.0, rel=1e-4)
    assert cube.min() >= 0
    drawn = SKY_TYPES["absorption"].draw(RANGES, np.random.default_rng(1))
    assert -0.9 <= drawn["line_amplitude"] <= -0.3
    assert math.exp(-drawn["optical_depth"]) == pytest.approx(1 + drawn["line_amplitude"])
    assert brightness(drawn) == drawn["amplitude"]


def test_gradient_moves_the_line_along_its_own_direction(observation, make_rows):
    gradient = {"type": "gradient", "velocity_gradient": 0.4, "velocity_pa": 60.0, "fwhm_z_local": 3.0}
    part = emissions(make_rows(gradient), observation)[0]
    centre = first_moment(part.line)
    y, x = 32 - part.window[0].start, 32 - part.window[1].start
    assert centre[y, x] == pytest.approx(16.0, abs=1e-3)
    # 60 deg clockwise from +x: the centre rises by cos 60 a pixel of +x and by -sin 60 a pixel of +y.
    assert centre[y, x + 4] - centre[y, x] == pytest.approx(4 * 0.4 * 0.5, abs=5e-3)
    assert centre[y + 4, x] - centre[y, x] == pytest.approx(-4 * 0.4 * math.sqrt(0.75), abs=5e-3)


def test_gradients_whole_line_is_as_wide_as_its_table_says():
    source = SKY_TYPES["gradient"].draw({**RANGES, "sigma": (5.0, 8.0)}, np.random.default_rng(5))
    source |= {"x": 90.0, "y": 90.0, "z": 64.0}
    part = SKY_TYPES["gradient"].emission(source, Frame.of(Observation(n_pixels=180, n_channels=128)))
    assert half_width(np.arange(128.0), part.line_spectrum()) == pytest.approx(source["fwhm_z"], rel=0.02)
    assert source["fwhm_z"] > 1.05 * source["fwhm_z_local"]


def test_diffuse_emission_is_extended_textured_and_repeatable():
    observation = Observation(n_channels=8, n_pixels=256)
    source = {"type": "diffuse", "x": 128.0, "y": 128.0, "sigma_x": 20.0, "sigma_y": 15.0, "pa": 40.0, "z": 4.0,
              "amplitude": 0.5, "line_amplitude": 1.0, "fwhm_z": 2.0, "spectral_index": 0.0,
              "texture_slope": 3.0, "texture_seed": 11}  # fmt: skip
    image = source_cube(source, observation, scale=1.0)[0]
    assert np.array_equal(image, source_cube(source, observation, scale=1.0)[0])
    other = source_cube({**source, "texture_seed": 12}, observation, scale=1.0)[0]
    assert np.corrcoef(image[100:156, 100:156].ravel(), other[100:156, 100:156].ravel())[0, 1] < 0.9
    assert image.max() == pytest.approx(0.5, rel=1e-4)
    assert np.count_nonzero(image > 0.1 * image.max()) > 10 * 2 * math.pi * 2.0 * 2.0


def test_texture_of_a_cut_source_is_the_same_texture():
    source = {"type": "diffuse", "x": 128.0, "y": 128.0, "sigma_x": 12.0, "sigma_y": 12.0, "pa": 0.0, "z": 4.0,
              "amplitude": 1.0, "line_amplitude": 1.0, "fwhm_z": 2.0, "spectral_index": 0.0,
              "texture_slope": 2.5, "texture_seed": 3}  # fmt: skip
    whole = source_cube(source, Observation(n_channels=8, n_pixels=256))[0]
    cut = source_cube({**source, "x": 30.0, "y": 30.0}, Observation(n_channels=8, n_pixels=256))[0]
    a, b = whole[98:170, 98:170], cut[0:72, 0:72]
    ratio = b[b > 1e-6] / a[b > 1e-6]
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-3)


def test_texture_is_log_normal_with_a_falling_spectrum():
    field = np.log(random_texture(256, 3.0, np.random.default_rng(1)))
    assert field.mean() == pytest.approx(0, abs=1e-6)
    assert field.std() == pytest.approx(0.7, rel=1e-6)
    power = np.abs(np.fft.fft2(field)) ** 2
    frequency = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.fftfreq(256))
    edges = np.geomspace(0.02, 0.4, 8)
    rings = [power[(frequency >= a) & (frequency < b)].mean() for a, b in pairwise(edges)]
    slope = np.polyfit(np.log(np.sqrt(edges[1:] * edges[:-1])), np.log(rings), 1)[0]
    assert slope == pytest.approx(-3.0, abs=0.3)
