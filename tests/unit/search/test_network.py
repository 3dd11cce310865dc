"""The network as a proposer: windows, images in units of their noise, and what its logits become."""

import dataclasses
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import nn

from cubefocus.errors import CubefocusError
from cubefocus.search.bands import bands_of, over_noise, resampled, widths_of
from cubefocus.search.levels import measure_levels
from cubefocus.search.network import NetworkProposer
from cubefocus.search.proposers import joined
from cubefocus.search.significance import Significance

SHAPE = (16, 64, 64)
BEAM = (4.0, 4.0, 0.0)
NOTHING = -4.0


class Likelihood(nn.Module):
    """Stands for a network that knows the likelihood ratio of a source in a pixel alone: half of its square."""

    def forward(self, images):
        return NOTHING + 0.5 * images.clamp(min=0.0) ** 2


@pytest.fixture
def proposer():
    return NetworkProposer(Likelihood(), NOTHING, 4.0, 1.0, 1)


def noise(seed=0, shape=SHAPE):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def search(proposer, data, beam=BEAM):
    return proposer(data, measure_levels(data, beam[0]), beam)


@pytest.mark.parametrize(("n_channels", "width"), [(16, 4), (17, 4), (5, 4), (3, 8), (1, 1), (9, 1)])
def test_windows_cover_the_band_and_overlap_by_half(n_channels, width):
    windows = bands_of(n_channels, width)
    covered = np.zeros(n_channels, int)
    for first, end in windows:
        covered[first:end] += 1
        assert end - first == min(width, n_channels)
    assert covered.min() >= 1
    assert len(set(windows)) == len(windows)
    assert all(second[0] - first[0] <= max(width // 2, 1) for first, second in pairwise(windows))


def test_widths_double_up_to_the_whole_band():
    assert widths_of(40, 4) == [4, 8, 16, 32, 40]
    assert widths_of(1, 1) == widths_of(1, 4) == [1]


def test_an_image_is_over_its_noise_where_it_is_held_and_zero_elsewhere():
    image, held = 7.0 * noise()[0], np.ones(SHAPE[1:], bool)
    held[:10] = False
    image[:10] = 1e6
    shown = over_noise(image, held)
    assert shown[held].std() == pytest.approx(1.0, rel=0.05)
    assert not shown[~held].any()
    assert not over_noise(np.zeros((20, 20), np.float32), np.ones((20, 20), bool)).any()


def test_resampling_keeps_places_and_brightness():
    y, x = np.mgrid[:60, :60]
    image = np.exp(-0.5 * ((x - 20.0) ** 2 + (y - 41.0) ** 2) / 5.0**2).astype(np.float32)
    small = resampled(torch.from_numpy(image)[None], 0.4)[0].numpy()
    row, column = np.unravel_index(small.argmax(), small.shape)
    assert small.shape == (24, 24)
    assert [(at + 0.5) / 0.4 - 0.5 for at in (column, row)] == pytest.approx([20.0, 41.0], abs=1.3)
    assert small.max() == pytest.approx(1.0, abs=0.03)


def test_a_likelihood_ratio_becomes_the_significance_of_a_gaussian(proposer):
    data = noise()
    data[8, 30, 40] = 12.0
    found = search(proposer, data)
    assert found.positive[8, 30, 40] == pytest.approx(12.0, rel=0.05)
    assert np.unravel_index(found.positive.argmax(), SHAPE) == (8, 30, 40)


def test_what_is_negative_is_what_is_positive_in_the_cube_times_minus_one(proposer):
    data = noise(1)
    one, other = search(proposer, data), search(proposer, -data)
    assert one.positive == pytest.approx(other.negative, abs=1e-3)


def test_a_faint_source_in_many_channels_is_seen_in_a_wide_window_only(proposer):
    data = noise(2)
    data[:, 20, 20] = 1.5
    found = search(proposer, data)
    assert found.positive[:, 20, 20].min() == pytest.approx(6.0, rel=0.1)


def test_a_bright_line_does_not_fill_the_band(proposer):
    """It is cut out before windows that reach far beyond it are looked at."""
    data = noise(3)
    data[4:6, 30, 30] += 60.0
    found = search(proposer, data)
    assert found.positive[4:6, 30, 30].min() > 50.0
    assert found.positive[9:, 30, 30].max() < 6.0


def test_blank_voxels_say_nothing(proposer):
    data = noise(4)
    data[3], data[:, :8] = np.nan, np.nan
    found = search(proposer, data)
    assert found.alive.tolist() == [number != 3 for number in range(SHAPE[0])]
    assert not found.positive[3].any()
    assert not found.positive[:, :8].any()
    assert np.isfinite(found.positive).all()


@pytest.mark.parametrize("side", [1, 2])
def test_a_flipped_or_moved_cube_has_its_significances_flipped_or_moved(proposer, side):
    data = noise(5)
    one, flipped = search(proposer, data), search(proposer, np.flip(data, side).copy())
    assert np.flip(flipped.positive, side) == pytest.approx(one.positive, abs=0.05)
    moved = search(proposer, np.roll(data, 8, side))
    assert np.roll(moved.positive, -8, side) == pytest.approx(one.positive, abs=0.05)


def test_other_pixels_a_beam_find_the_same_place(proposer):
    fine = np.stack([gaussian_filter(plane, 3.0) for plane in noise(6, (4, 128, 128))])
    fine /= fine.std()
    y, x = np.mgrid[:128, :128]
    fine[1] += 15.0 * np.exp(-0.5 * ((x - 90.0) ** 2 + (y - 40.0) ** 2) / 4.0**2)
    found = search(proposer, fine.astype(np.float32), (9.4, 9.4, 0.0))
    channel, row, column = np.unravel_index(found.positive.argmax(), fine.shape)
    assert channel == 1
    assert [column, row] == pytest.approx([90, 40], abs=3)


def test_an_image_no_larger_than_the_beam_is_refused(proposer):
    with pytest.raises(CubefocusError, match="the beam of 70 px is not smaller than the image of 64 x 64 px"):
        search(proposer, noise(), (70.0, 4.0, 0.0))


def test_the_scale_multiplies_the_logarithm_of_the_ratio(proposer):
    data = noise(7)
    double = dataclasses.replace(proposer, scale=4.0)
    assert double.says(torch.from_numpy(data)) == pytest.approx(2.0 * proposer.says(torch.from_numpy(data)), abs=1e-3)


def test_several_proposers_give_the_higher_of_each_voxel():
    first, second = (
        Significance(np.full((1, 2, 2), a), np.full((1, 2, 2), b), np.ones(1, bool))
        for a, b in ((3.0, 1.0), (2.0, 5.0))
    )
    both = joined([first, second])
    assert both.positive.max() == both.positive.min() == 3.0
    assert both.negative.max() == both.negative.min() == 5.0
    assert joined([first]) is first
