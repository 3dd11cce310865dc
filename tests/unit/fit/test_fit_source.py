"""Sources as the fit describes them: second moments, angles, spectra and their derivatives."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.linalg import expm

from cubefocus.fit.source import Component, Spectral, axes_of, cov_of, moments, shape_parameters
from cubefocus.sky.emission import gaussian_image, line_profile

SHAPES = [(0.0, 0.0, 0.0), (1.3, 0.4, -0.7), (-2.0, -1.1, 0.2), (3.0, 0.0, 1e-5), (0.5, 1e-4, 0.0), (1.0, 0.0, 2.0)]


def numerical(function, at, step=1e-5):
    """Derivatives by each of the arguments, to fourth order in the step."""
    rows = []
    for number in range(len(at)):
        ends = {}
        for times in (-2, -1, 1, 2):
            moved = np.array(at, dtype=float)
            moved[number] += times * step
            ends[times] = function(moved)
        rows.append((8 * (ends[1] - ends[-1]) - (ends[2] - ends[-2])) / (12 * step))
    return np.array(rows)


@pytest.mark.parametrize("shape", SHAPES)
def test_moments_are_the_exponential_of_a_matrix_and_come_back(shape):
    m, a, b = shape
    cov, _ = moments(m, a, b)
    assert cov == pytest.approx(expm(np.array([[m + a, b], [b, m - a]])), rel=1e-12)
    assert math.log(np.linalg.det(cov)) == pytest.approx(2 * m)
    assert shape_parameters(cov) == pytest.approx(shape, abs=1e-9)


@pytest.mark.parametrize("shape", SHAPES)
def test_derivatives_of_moments(shape):
    wanted = numerical(lambda p: moments(*p)[0], shape, 1e-3)
    assert moments(*shape)[1] == pytest.approx(wanted, rel=1e-7, abs=1e-7 * math.exp(shape[0]))


@pytest.mark.parametrize("pa", [0.0, 20.0, 45.0, 89.0, 90.0, 130.0, 179.0])
def test_second_moments_are_those_of_the_images_that_the_sky_draws(pa):
    image = gaussian_image((slice(0, 101), slice(0, 121)), 60.0, 50.0, 8.0, 5.0, pa)
    y, x = np.mgrid[:101, :121]
    dx, dy, total = x - 60.0, y - 50.0, image.sum()
    measured = np.array([[(image * dx * dx).sum(), (image * dx * dy).sum()],
                         [(image * dx * dy).sum(), (image * dy * dy).sum()]]) / total  # fmt: skip
    assert cov_of(8.0, 5.0, pa) == pytest.approx(measured, rel=1e-6, abs=1e-5)
    major, minor, angle = axes_of(measured)
    assert (major, minor) == pytest.approx((8.0, 5.0), rel=1e-6)
    assert abs((angle - pa + 90.0) % 180.0 - 90.0) < 1e-5
    # The longer axis across the angle is the same ellipse turned by a right angle.
    assert cov_of(5.0, 8.0, pa) == pytest.approx(cov_of(8.0, 5.0, pa + 90.0))


def test_component_keeps_what_it_is_made_of():
    cov = cov_of(3.0, 1.5, 65.0)
    one = Component.of(12.5, 7.25, cov, [(5.0, 4.0), (11.0, 2.0)], flux=0.3)
    assert one.centre == (12.5, 7.25)
    assert one.cov == pytest.approx(cov)
    assert one.n_lines == 2
    assert one.line(1) == pytest.approx((0.0, 11.0, 2.0))
    assert one.amplitudes == [5, 7, 10]
    assert one.values[one.amplitudes] == pytest.approx([0.3, 0.0, 0.0])
    step = np.arange(13.0)
    assert one.moved(step).values == pytest.approx(one.values + step)
    assert one.values[0] == 12.5, "the source itself stays where it was"


def test_spectrum_is_a_power_law_times_continuum_and_lines():
    frequencies = np.linspace(200e9, 260e9, 32)
    weight = np.ones(32)
    weight[3] = 0.0
    spectral = Spectral(np.log(frequencies[16] / frequencies), weight)
    one = Component.of(0.0, 0.0, np.eye(2), [(8.0, 5.0), (20.0, 3.0)], flux=2.0)
    values = one.values.copy()
    values[6], values[7], values[10] = 1.5, 3.0, -1.0
    gain = np.linspace(0.9, 1.1, 32)
    wanted = (2.0 + 3.0 * line_profile(32, 8.0, 5.0) - line_profile(32, 20.0, 3.0)) * gain
    wanted *= (frequencies[16] / frequencies) ** 1.5 * weight
    total, by = spectral.of(Component(values), gain)
    assert total == pytest.approx(wanted)
    assert total[3] == 0.0
    assert by.shape == (8, 32)
    free = numerical(lambda p: spectral.of(Component(np.concatenate([values[:5], p])), gain)[0], values[5:], 1e-3)
    assert by == pytest.approx(free, abs=1e-8)
