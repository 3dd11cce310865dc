"""Between what the dirty cube shows and what is on the sky: products with the primary beam, and errors carried over."""

from __future__ import annotations

import math

import numpy as np
import pytest
from uv_instrument import UvInstrument

from cubefocus.fit.sky import (
    NAMES,
    PrimaryBeam,
    behind_beam,
    errors,
    from_truth,
    jacobian,
    measures,
    on_sky,
    strongest_line,
)
from cubefocus.fit.source import Component, cov_of
from cubefocus.sky.emission import gaussian_image

WIDTH = 30.0  # standard deviation of the primary beam, pixels
LOG_RATIO = np.log(1.0 / np.linspace(0.9, 1.1, 16))
LOG_RATIO -= LOG_RATIO[8]


def primary_beam(width: float = WIDTH) -> np.ndarray:
    y, x = np.mgrid[:64, :64] - 32
    return np.exp(-0.5 * (x**2 + y**2) / width**2)[None]


@pytest.fixture(scope="module")
def beam():
    return UvInstrument(n_channels=1).beam(primary_beam=primary_beam())


def source_at(x, y, pa=35.0, sigma_x=4.0, sigma_y=2.0):
    return from_truth(x, y, sigma_x, sigma_y, pa, 0.4, 6.5, 3.0, 2.0, LOG_RATIO, index=0.7)


PLACES = [(32.0, 32.0), (45.3, 38.1), (12.2, 50.7), (60.0, 5.0)]


@pytest.mark.parametrize(("x", "y"), PLACES)
def test_primary_beam_around_a_place(beam, x, y):
    """The logarithm of a Gaussian is a parabola: value, slope and curvature are exact."""
    found = PrimaryBeam.at(beam, x, y)
    assert found.log == pytest.approx(-0.5 * ((x - 32) ** 2 + (y - 32) ** 2) / WIDTH**2, abs=1e-9)
    assert found.gradient == pytest.approx(np.array([32 - x, 32 - y]) / WIDTH**2, abs=1e-9)
    assert found.hessian == pytest.approx(-np.eye(2) / WIDTH**2, abs=1e-9)


@pytest.mark.parametrize(("x", "y"), PLACES)
def test_source_behind_the_primary_beam_is_their_product(beam, x, y):
    """Pixel by pixel, up to the edge and beyond where the primary beam falls by half."""
    sky = source_at(x, y)
    shown = behind_beam(sky, beam)
    window = (slice(-10, 74), slice(-10, 74))
    rows, columns = np.mgrid[window] - 32.0
    product = gaussian_image(window, x, y, 4.0, 2.0, 35.0) * np.exp(-0.5 * (rows**2 + columns**2) / WIDTH**2)
    values, vectors = np.linalg.eigh(shown.cov)
    pa = math.degrees(math.atan2(-vectors[1, 1], vectors[0, 1]))
    image = gaussian_image(window, *shown.centre, math.sqrt(values[1]), math.sqrt(values[0]), pa)
    # A flux of 1 spreads over 2 pi times the root of the determinant; both have that of the sky per pixel.
    ratio = shown.values[5] / sky.values[5] * math.sqrt(np.linalg.det(sky.cov) / np.linalg.det(shown.cov))
    assert ratio * image == pytest.approx(product, abs=1e-4 * product.max())
    assert shown.values[shown.amplitudes] / sky.values[sky.amplitudes] == pytest.approx(
        np.full(2, product.sum() / gaussian_image(window, x, y, 4.0, 2.0, 35.0).sum()), rel=1e-3
    )
    assert shown.values[[6, 8, 9]].tolist() == sky.values[[6, 8, 9]].tolist()


@pytest.mark.parametrize(("x", "y"), PLACES)
@pytest.mark.parametrize("size", [0.3, 1.0, 2.5])
def test_on_sky_and_behind_the_beam_are_inverse(beam, x, y, size):
    sky = source_at(x, y, sigma_x=4.0 * size, sigma_y=2.0 * size)
    assert on_sky(behind_beam(sky, beam), beam).values == pytest.approx(sky.values, abs=1e-3)
    assert behind_beam(on_sky(sky, beam), beam).values == pytest.approx(sky.values, abs=1e-3)


def test_primary_beam_of_another_shape_is_followed_to_a_hundredth_of_a_pixel():
    """That of a dish is no Gaussian: a source of 4 pixels where it falls to a third."""
    y, x = np.mgrid[:64, :64] - 32
    r = np.hypot(x, y) / 14.0 + 1e-6
    profile = (np.sin(r) / r) ** 2
    beam = UvInstrument(n_channels=1).beam(primary_beam=profile[None])
    sky = source_at(46.0, 44.0)
    shown = behind_beam(sky, beam)
    window = (slice(0, 64), slice(0, 64))
    product = gaussian_image(window, 46.0, 44.0, 4.0, 2.0, 35.0) * profile
    total = product.sum()
    centre = (product * (x + 32)).sum() / total, (product * (y + 32)).sum() / total
    assert shown.centre == pytest.approx(centre, abs=0.03)
    assert shown.values[5] / sky.values[5] == pytest.approx(total / (2 * np.pi * 8.0), rel=0.02)


def test_without_a_primary_beam_nothing_changes(uv_beam):
    sky = source_at(20.0, 30.0)
    assert on_sky(sky, uv_beam).values == pytest.approx(sky.values)
    assert behind_beam(sky, uv_beam).values == pytest.approx(sky.values)


def test_source_as_wide_as_the_primary_beam_stays_finite():
    narrow = UvInstrument(n_channels=1).beam(primary_beam=primary_beam(6.0))
    found = on_sky(source_at(34.0, 33.0, sigma_x=9.0, sigma_y=7.0), narrow)
    assert np.isfinite(found.values).all()


@pytest.mark.parametrize("pa", [10.0, 35.0, 80.0, 0.0, 90.0])
@pytest.mark.parametrize("turned", [False, True])
def test_measures_are_what_the_source_was_made_of(uv_beam, pa, turned):
    """Behind no primary beam. The angle is that of the longer axis, pa that of the axis called x in [0, 90]."""
    sigma_x, sigma_y = (2.0, 4.0) if turned else (4.0, 2.0)
    found = dict(zip(NAMES, measures(source_at(20.0, 30.0, pa, sigma_x, sigma_y), uv_beam, LOG_RATIO), strict=True))
    assert (found["x"], found["y"]) == pytest.approx((20.0, 30.0))
    assert (found["major"], found["minor"]) == pytest.approx((4.0, 2.0))
    wanted = pa + 90.0 * turned
    assert abs((found["angle"] - wanted + 90.0) % 180.0 - 90.0) < 1e-6
    assert cov_of(found["sigma_x"], found["sigma_y"], found["pa"]) == pytest.approx(cov_of(sigma_x, sigma_y, pa))
    assert -1e-6 <= found["pa"] <= 90.0 + 1e-6
    assert found["continuum"] == pytest.approx(0.4)
    assert (found["z"], found["fwhm_z"], found["line"]) == pytest.approx((6.5, 3.0, 2.0))


def test_strongest_line_is_that_of_the_largest_flux(uv_beam):
    one = Component.of(5.0, 5.0, np.eye(2), [(3.0, 2.0), (9.0, 6.0)], flux=1.0)
    assert strongest_line(Component.of(5.0, 5.0, np.eye(2), [])) is None
    for peaks, wanted in (((2.0, 1.0), 1), ((-4.0, 1.0), 0), ((1.0, -1.0), 1)):
        values = one.values.copy()
        values[[7, 10]] = peaks
        assert strongest_line(Component(values)) == wanted
    assert np.isnan(measures(Component.of(5.0, 5.0, np.eye(2), []), uv_beam, LOG_RATIO)[9:]).all()


@pytest.mark.parametrize("pa", [35.0, 0.0, 90.0, 89.9999])
def test_errors_are_carried_over_as_draws_of_the_parameters_are(beam, pa):
    """Standard deviations of the measures of many draws, angles about the truth; also where axes change their names."""
    shown = behind_beam(source_at(45.3, 38.1, pa), beam)
    rng = np.random.default_rng(6)
    mixed = rng.normal(size=(10, 10))
    error = np.array([0.02, 0.03, 0.01, 0.01, 0.01, 0.004, 0.01, 0.008, 0.03, 0.01])
    correlation = mixed @ mixed.T + 10 * np.eye(10)
    scale = np.sqrt(np.diag(correlation))
    covariance = correlation / np.outer(scale, scale) * np.outer(error, error)
    assert jacobian(shown, beam, LOG_RATIO).shape == (12, 10)
    stated = errors(shown, covariance, beam, LOG_RATIO)
    middle = dict(zip(NAMES, measures(shown, beam, LOG_RATIO), strict=True))
    drawn = rng.multivariate_normal(np.zeros(10), covariance, size=600)
    found = np.array([measures(Component(shown.values + step), beam, LOG_RATIO) for step in drawn])
    for number, name in enumerate(NAMES):
        off = found[:, number] - middle[name]
        if name in ("angle", "pa"):
            period = 180.0 if name == "angle" else 90.0
            off = (off + 0.5 * period) % period - 0.5 * period
        elif name in ("sigma_x", "sigma_y") and pa != 35.0:
            continue  # their draws swap names, which is no error of either: below
        assert off.std() == pytest.approx(stated[number], rel=0.12), name
    axes = {"sigma_x": "major", "sigma_y": "minor"}
    if middle["sigma_x"] < middle["sigma_y"]:
        axes = {"sigma_x": "minor", "sigma_y": "major"}
    for name, axis in axes.items():
        assert stated[NAMES.index(name)] == pytest.approx(stated[NAMES.index(axis)])


@pytest.mark.parametrize("elongation", [1.0, 1.0 + 1e-6, 1.001])
def test_angle_of_a_round_source_scatters_as_one_of_which_nothing_is_known(uv_beam, elongation):
    one = source_at(32.0, 32.0, 20.0, 3.0 * elongation, 3.0)
    stated = dict(zip(NAMES, errors(one, 1e-4 * np.eye(10), uv_beam, LOG_RATIO), strict=True))
    for name, period in (("angle", 180.0), ("pa", 90.0)):
        assert stated[name] == pytest.approx(np.random.default_rng(1).uniform(0, period, 10**6).std(), rel=1e-2)
    assert all(np.isfinite(list(stated.values())))


def test_truth_at_its_line(uv_beam):
    """Continuum and line are given at the line's centre, wherever the middle channel is."""
    one = from_truth(20.0, 30.0, 3.0, 2.0, 10.0, 0.4, 13.0, 3.0, 2.0, LOG_RATIO, index=2.0)
    law = math.exp(2.0 * LOG_RATIO[13])
    assert one.values[5] * law == pytest.approx(0.4)
    peak, z, fwhm = one.line()
    assert (z, fwhm) == pytest.approx((13.0, 3.0))
    channels = np.linspace(-20, 50, 7001)
    profile = peak * law * np.exp(-4 * math.log(2) * ((channels - z) / fwhm) ** 2)
    assert profile.sum() * (channels[1] - channels[0]) == pytest.approx(2.0)
