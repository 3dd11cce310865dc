"""What counts as blank, and that a blank is never a zero."""

import numpy as np
import pytest

from cubefocus.cube.blanks import fill_spectra, find_blanks
from cubefocus.cube.cutouts import box_spectra, channel_sum, continuum_trend, focus, integrate, line_image

SHAPE = (16, 40, 40)


@pytest.fixture
def data():
    return np.random.default_rng(3).normal(size=SHAPE).astype(np.float32)


def outside(radius):
    y, x = np.mgrid[: SHAPE[1], : SHAPE[2]] - 20
    return np.hypot(x, y) > radius


def test_cube_without_blanks_is_left_as_it_is(data):
    data[3, 4, 5] = 0.0  # a value like any other
    same, blanks = find_blanks(data)
    assert same is data
    assert blanks.channels.all()
    assert blanks.pixels.all()
    assert not blanks.partial
    assert not blanks.notes


def test_primary_beam_cut_in_nan_needs_no_word(data):
    data[:, outside(15)] = np.nan
    same, blanks = find_blanks(data)
    assert same is data
    np.testing.assert_array_equal(blanks.pixels, ~outside(15))
    assert not blanks.partial
    assert not blanks.notes


@pytest.mark.parametrize("mark", [0.0, -8.0, np.inf, -np.inf, np.float32(3.4e38)])
def test_border_is_blank_however_it_is_marked(data, mark):
    wanted = data.copy()
    wanted[:, outside(15)] = np.nan
    data[:, outside(15)] = mark
    before = data.copy()
    marked, blanks = find_blanks(data)
    np.testing.assert_array_equal(marked, wanted)
    np.testing.assert_array_equal(data, before)  # the caller's cube stays as it was
    assert not blanks.partial
    assert "taken as blank" in blanks.notes[0]


@pytest.mark.parametrize("mark", [0.0, np.nan, -8.0, np.inf])
def test_channels_are_blank_however_they_are_marked(data, mark):
    data[[0, 1, 7]] = mark
    marked, blanks = find_blanks(data)
    assert np.isnan(marked[[0, 1, 7]]).all()
    assert np.flatnonzero(~blanks.channels).tolist() == [0, 1, 7]
    assert blanks.partial
    assert any("3 of 16 channels (0-1, 7)" in note for note in blanks.notes)


def test_zero_border_that_grows_with_frequency_is_blank_in_each_plane(data):
    wanted = data.copy()
    for number, plane in enumerate(data):
        plane[outside(20 - 0.5 * number)] = 0.0
        wanted[number][outside(20 - 0.5 * number)] = np.nan
    marked, blanks = find_blanks(data)
    np.testing.assert_array_equal(marked, wanted)
    assert blanks.partial


def test_column_of_zeros_in_all_channels_is_blank_and_some_zeros_are_not(data):
    data[:, :, 5] = 0.0
    data[4, 20:23, 20:23] = 0.0
    marked, _ = find_blanks(data)
    assert np.isnan(marked[:, :, 5]).all()
    assert (marked[4, 20:23, 20:23] == 0.0).all()


def test_continuum_without_noise_is_data():
    image = np.random.default_rng(1).normal(size=SHAPE[1:]).astype(np.float32)
    cube = np.broadcast_to(image, SHAPE).copy()
    same, blanks = find_blanks(cube)
    assert same is cube
    assert blanks.pixels.all()


def test_sum_is_scaled_from_the_channels_that_hold_data(data):
    data += 5.0
    data[3:9, 10, 10] = np.nan
    data[12] = np.nan
    image = channel_sum(data)
    held = data[:, 10, 10]
    assert image[10, 10] == pytest.approx(15 * np.nanmean(held), rel=1e-6)
    assert image[0, 0] == pytest.approx(np.nansum(data[:, 0, 0]), rel=1e-6)
    assert np.isnan(channel_sum(data, least_share=0.8)[10, 10])
    np.testing.assert_allclose(integrate(data), image, rtol=1e-6)


def test_box_spectrum_is_interpolated_over_a_voxel_and_blank_where_the_channel_is(data):
    data[:] = np.arange(16, dtype=np.float32)[:, None, None]
    data[6, 11, 11] = np.nan
    data[9] = np.nan
    (spectrum,) = box_spectra(data, np.array([[8, 8, 14, 14]]))
    expected = 36.0 * np.arange(16)
    expected[9] = np.nan
    np.testing.assert_allclose(spectrum, expected)


def test_short_gaps_are_interpolated_and_long_ones_get_the_level():
    spectrum = np.array([[np.nan, 1.0, np.nan, 3.0, *4 * [np.nan], 1.0, 1.0]])
    np.testing.assert_allclose(fill_spectra(spectrum)[0], [1, 1, 2, 3, 1, 1, 1, 1, 1, 1])
    np.testing.assert_allclose(fill_spectra(spectrum, np.array([0.5]))[0, [0, 2, 5]], [0.5, 2.0, 0.5])
    assert (fill_spectra(np.full((1, 8), np.nan)) == 0.0).all()


@pytest.mark.parametrize("blank", [[0, 1, 2], [15], [0, 2, 4, 12, 14]])
def test_line_image_and_trend_are_those_of_the_channels_with_data(blank):
    y, x = np.mgrid[:64, :64] - 32
    spot = np.exp(-(x**2 + y**2) / (2 * 3.0**2))
    channel = np.arange(16)
    line = 2.0 * np.exp(-((channel - 8) ** 2) / 2)
    cube = ((0.5 + line)[:, None, None] * spot).astype(np.float32)

    def measured(data):
        trend = continuum_trend(box_spectra(data, np.array([[28, 28, 37, 37]]))[0], np.array([[5.0, 11.0]]))
        return line_image(data, (32, 32), (5.0, 11.0), (3.0, 3.0, 0.0), trend, 1.2, 64)

    whole = measured(cube)
    cube[blank] = np.nan
    np.testing.assert_allclose(measured(cube), whole, atol=0.01 * whole.max())


def test_focused_image_scales_a_blank_channel_of_the_line():
    cube = np.ones((16, 32, 32), np.float32)
    cube[5] = np.nan
    np.testing.assert_allclose(focus(cube, 16, 16, 3.0, 8.0, 32), 6.0)
