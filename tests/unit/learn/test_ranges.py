"""What is unlike the training is said with the value and the range, and nothing else is."""

import numpy as np
import pytest

from cubefocus.cube.cube import Cube
from cubefocus.errors import CubefocusError
from cubefocus.learn.ranges import as_ranges, measured, outside

RANGES = {"image_size": (64, None), "n_channels": (40, 40), "beam_px": (6.0, 9.0), "frequency_ghz": (229.7, 230.3),
          "channel_width_mhz": (10.0, 10.0), "cell_arcsec": (0.1, 0.1), "snr": (None, 80.0)}  # fmt: skip


@pytest.fixture
def cube(scene):
    one = scene([]).cube  # 40 channels of 96 x 96 px, 0.1 arcsec, 10 MHz about 230 GHz
    one.header["BMAJ"], one.header["BMIN"] = 0.85 / 3600, 0.65 / 3600
    return one


def told(cube):
    return list(outside(RANGES, measured(cube)))


def test_cube_like_those_of_the_training_is_searched_without_a_word(cube):
    assert told(cube) == []
    cube.header["BMAJ"] = 0.91 / 3600  # a percent more than any beam of the training
    assert told(cube) == []


@pytest.mark.parametrize(
    ("cards", "sentence"),
    [
        ({"BMAJ": 2.0 / 3600}, "dirty beam 6.5 to 20 px, where the networks were trained on 6 to 9 px"),
        ({"BMIN": 0.2 / 3600}, "dirty beam 2 to 8.5 px, where"),
        ({"CDELT3": 2e7}, "channel width 20 MHz, where the networks were trained on 10 MHz"),
        ({"CRVAL3": 345e9}, "frequency 344.8 to 345.19 GHz, where the networks were trained on 229.7 to 230.3 GHz"),
    ],
)
def test_value_outside_is_told_with_the_range(cube, cards, sentence):
    cube.header.update(cards)
    assert [one.startswith(sentence) for one in told(cube)] == [True]


def test_another_size_is_told_where_it_changes_what_the_networks_see(cube):
    small = Cube(cube.data[:20, :50], cube.header)
    assert [one.split(",")[0] for one in told(small)] == ["shorter side of the image 50 px", "number of channels 20"]
    large = Cube(np.tile(cube.data, (1, 4, 4)), cube.header)  # is searched in tiles
    assert told(large) == []


def test_pixels_count_where_there_is_no_beam(cube):
    del cube.header["BMAJ"]
    assert told(cube) == []
    cube.header["CDELT2"] = 0.5 / 3600
    assert [one.startswith("pixel size 0.5 arcsec") for one in told(cube)] == [True]


def test_open_end_and_unknown_quantities_are_no_limits():
    assert list(outside(RANGES, {"snr": (0.1, 0.1)})) == []
    assert list(outside(RANGES, {"snr": (float("nan"), float("nan"))})) == []
    assert list(outside({}, {"snr": (1e9, 1e9)})) == []
    (sentence,) = outside(RANGES, {"snr": (200.0, 200.0)})
    assert "trained on at most 80" in sentence


@pytest.mark.parametrize("pair", [[1], [1, "2"], "12", [1, float("inf")], [True, 2], None])
def test_ranges_that_are_none_are_refused(pair):
    with pytest.raises(CubefocusError, match=r"ranges\.snr is"):
        as_ranges({"snr": pair})
