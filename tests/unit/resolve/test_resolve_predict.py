"""Predicted visibilities are those of the Fourier sum over the pixels, with east, north and the primary beam right."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from resolved import CELL, SHAPE, direct_sum, drawn, gaussian, observed, window

from cubefocus.errors import CubefocusError
from cubefocus.resolve.predict import predict, predicted_mean

CORNERS = [(24, 32), (24, 33), (25, 32), (11, 49), (0, 0), (47, 63), (0, 63)]


@pytest.mark.parametrize("place", CORNERS)
def test_a_pixel_has_the_phase_of_its_place(place):
    image = np.zeros(SHAPE)
    image[place] = 3.0
    seen, empty = predict(window(), image, CELL), window()
    np.testing.assert_allclose(seen, direct_sum(empty, image, CELL), atol=1e-6 * np.abs(seen).max())


def test_an_image_is_seen_as_its_fourier_sum():
    image, empty = np.random.default_rng(3).normal(size=SHAPE), window(345e9)
    direct = direct_sum(empty, image, CELL)
    np.testing.assert_allclose(predict(empty, image, CELL), direct, atol=1e-6 * np.abs(direct).max())


def test_a_gaussian_east_of_the_centre_turns_with_u():
    # 2 arcsec to the east: the phase of a baseline along u grows by 2 pi u l.
    empty = replace(window(), uvw_m=np.array([[20.0, 0.0, 5.0]]), primary_beam=np.ones(SHAPE))
    seen = predict(empty, gaussian(32 - 10, 24, 0.8, 0.8, 0.0), CELL)
    turn = 2.0 * np.pi * 20.0 * 230e9 / 299792458.0 * np.radians(2.0 / 3600.0)
    assert np.angle(seen[0]) == pytest.approx(turn, abs=1e-4)


def test_the_mean_of_the_samples_is_told_at_each_frequency():
    sky = gaussian(30.0, 20.0, 2.0, 1.0, 20.0)
    seen = observed(sky, (220e9, 240e9), index=-3.0)
    posterior = drawn(sky, spectral_index=np.random.default_rng(0).normal(-3.0, 0.5, 12))
    found = predicted_mean(seen, posterior.samples, posterior.spectral_index)
    for one, at in zip(found, seen.windows, strict=True):
        each = [
            predict(at, sample * (at.frequency_hz / 230e9) ** index, CELL)
            for sample, index in zip(posterior.samples, posterior.spectral_index, strict=True)
        ]
        np.testing.assert_allclose(one, np.mean(each, axis=0), atol=1e-6 * np.abs(one).max())


@pytest.mark.parametrize(
    ("image", "said"),
    [(np.zeros((32, 32)), r"give one of \(48, 64\)"), (np.full(SHAPE, np.nan), "3072 pixels that are no numbers")],
)
def test_other_images_are_refused(image, said):
    with pytest.raises(CubefocusError, match=said):
        predict(window(), image, CELL)


def test_an_odd_image_is_refused():
    with pytest.raises(CubefocusError, match="33 x 40 pixels; its sides must be even"):
        predict(replace(window(), primary_beam=np.ones((40, 33))), np.ones((40, 33)), CELL)


def test_without_ducc0_the_message_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ducc0.wgridder", None)
    with pytest.raises(CubefocusError, match=r"pip install 'cubefocus\[resolve\]'"):
        predict(window(), np.zeros(SHAPE), CELL)
