"""Structural similarity of maps."""

import numpy as np
import pytest
import torch

from cubefocus.errors import CubefocusError
from cubefocus.learn.losses import dssim, ssim
from cubefocus.report.similarity import map_similarity


def maps(n=3, size=32):
    return np.random.default_rng(0).uniform(size=(n, size, size))


def test_equal_maps_are_equal_and_inverted_ones_are_not():
    same = map_similarity(maps(), maps())
    assert same.ssim == pytest.approx(np.ones(3))
    assert (same.mean_ssim, same.mean_dssim) == pytest.approx((1.0, 0.0))
    assert map_similarity(maps(), 1.0 - maps()).mean_dssim > 0.9


def test_it_falls_with_the_noise_on_a_map():
    rows, columns = np.mgrid[:64, :64]
    source = np.exp(-((columns - 30) ** 2 + (rows - 34) ** 2) / 40.0)[None]
    noise = np.random.default_rng(1).normal(size=source.shape)
    similar = [map_similarity(np.clip(source + rms * noise, 0, 1), source).mean_ssim for rms in (0.0, 0.01, 0.1)]
    assert similar[0] == pytest.approx(1.0)
    assert similar[0] > similar[1] > similar[2]


def test_it_is_the_measure_that_the_network_learns_with():
    one, other = maps(), maps() ** 2
    found = map_similarity(one, other)
    tensors = torch.tensor(one), torch.tensor(other)
    assert found.mean_ssim == pytest.approx(ssim(*tensors).item(), abs=1e-9)
    assert found.mean_dssim == pytest.approx(dssim(*tensors).item(), abs=1e-9)
    assert found.dssim.mean() == pytest.approx(found.mean_dssim)


def test_constant_maps_compare_by_their_levels():
    # Without structure SSIM is (2 a b + c1) / (a^2 + b^2 + c1), c1 = 1e-4.
    level = map_similarity(np.full((1, 16, 16), 0.2), np.full((1, 16, 16), 0.4)).mean_ssim
    assert level == pytest.approx((0.16 + 1e-4) / (0.2 + 1e-4))


def test_no_maps_have_no_similarity_and_unfit_ones_are_told():
    assert np.isnan(map_similarity(maps(0), maps(0)).mean_dssim)
    with pytest.raises(CubefocusError, match="shapes"):
        map_similarity(maps(3), maps(2))
    with pytest.raises(CubefocusError, match="11 px"):
        map_similarity(maps(1, 8), maps(1, 8))
    with pytest.raises(CubefocusError, match=r"\[0, 1\]"):
        map_similarity(2.0 * maps(), maps())
    broken = maps()
    broken[0, 0, 0] = np.nan
    with pytest.raises(CubefocusError, match=r"\[0, 1\]"):
        map_similarity(broken, maps())
