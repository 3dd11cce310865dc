"""Size of a source as an image shows it: moments of both add up, and errors are those of draws of the parameters."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cubefocus.cube.scale import SIGMA_TO_FWHM
from cubefocus.fit.beam import Beam
from cubefocus.fit.seen import UNKNOWN, ellipse, seen
from cubefocus.fit.sky import behind_beam
from cubefocus.fit.source import Component, cov_of

SHAPE = (4, 64, 64)
RESTORING = Beam.gaussian(np.array([[6.0, 4.0, 30.0]]), SHAPE)  # 30 deg from +y towards -x: 120 clockwise from +x
BEAM_MOMENTS = cov_of(6.0 / SIGMA_TO_FWHM, 4.0 / SIGMA_TO_FWHM, (-90.0 - 30.0) % 180.0)


def gaussian(moments: np.ndarray, size: int = 64) -> np.ndarray:
    y, x = np.mgrid[:size, :size] - size // 2
    p = np.linalg.inv(moments)
    return np.exp(-0.5 * (p[0, 0] * x**2 + 2 * p[0, 1] * x * y + p[1, 1] * y**2))


def test_a_point_looks_like_the_restoring_beam():
    found = seen(Component.of(20.0, 30.0, 1e-6 * np.eye(2), []), 1e-9 * np.eye(7), RESTORING)
    assert found.centre == pytest.approx((20.0, 30.0))
    assert found.moments == pytest.approx(BEAM_MOMENTS, abs=1e-3)
    shape = ellipse(found.moments, found.covariance[2:5, 2:5])
    assert (shape.major, shape.minor, shape.angle) == pytest.approx((6.0, 4.0, 60.0), abs=2e-3)


def test_the_lobe_of_a_dirty_beam_has_its_angle():
    beam = Beam.of_psf(gaussian(4.0 * BEAM_MOMENTS)[None], (1, 64, 64))
    assert beam.lobe == pytest.approx(4.0 * BEAM_MOMENTS, rel=0.06)


def test_moments_are_those_of_an_image_of_the_source_behind_the_beam():
    """Measured in pixels of both convolved: no formula of Gaussians."""
    own = cov_of(3.0, 1.5, 70.0)
    kernel = np.fft.rfft2(np.fft.ifftshift(gaussian(BEAM_MOMENTS)))
    image = np.fft.irfft2(np.fft.rfft2(gaussian(own)) * kernel)
    y, x = np.mgrid[:64, :64] - 32
    measured = [float((image * part).sum() / image.sum()) for part in (x * x, x * y, y * y)]
    found = seen(Component.of(32.0, 32.0, own, []), 1e-9 * np.eye(7), RESTORING)
    assert [found.moments[0, 0], found.moments[0, 1], found.moments[1, 1]] == pytest.approx(measured, rel=1e-3)


@pytest.mark.parametrize("primary", [False, True])
def test_errors_are_the_scatter_of_draws(primary):
    y, x = np.mgrid[:64, :64] - 32
    pb = np.exp(-0.5 * (x**2 + y**2) / 30.0**2)[None] if primary else None
    beam = Beam.gaussian(np.array([[6.0, 4.0, 30.0]]), SHAPE, primary_beam=pb)
    shown = behind_beam(Component.of(41.0, 36.0, cov_of(4.0, 2.0, 35.0), [(1.5, 2.0)], flux=0.4), beam)
    rng = np.random.default_rng(6)
    mixed = rng.normal(size=(10, 10))
    correlation = mixed @ mixed.T + 10 * np.eye(10)
    error = np.array([0.02, 0.03, 0.01, 0.01, 0.01, 0.004, 0.01, 0.008, 0.03, 0.01])
    scale = error / np.sqrt(np.diag(correlation))
    covariance = correlation * np.outer(scale, scale)
    found = seen(shown, covariance, beam)
    stated = ellipse(found.moments, found.covariance[2:5, 2:5])
    draws = [
        seen(Component(shown.values + step), covariance, beam)
        for step in rng.multivariate_normal(np.zeros(10), covariance, size=400)
    ]
    shapes = [ellipse(one.moments, one.covariance[2:5, 2:5]) for one in draws]
    for name in ("major", "minor", "angle"):
        scatter = np.std([getattr(one, name) for one in shapes])
        assert scatter == pytest.approx(getattr(stated, f"{name}_err"), rel=0.15), name
    places = np.cov(np.array([[*one.centre, one.continuum] for one in draws]).T)
    wanted = found.covariance[np.ix_([0, 1, 5], [0, 1, 5])]
    assert places == pytest.approx(wanted, abs=0.15 * float(np.diag(wanted).max()))
    assert math.sqrt(places[2, 2]) == pytest.approx(math.sqrt(wanted[2, 2]), rel=0.15)


def test_the_angle_of_what_is_round_is_not_known():
    assert ellipse(4.0 * np.eye(2), 1e-4 * np.eye(3)).angle_err == UNKNOWN
    assert ellipse(np.diag([4.0, 3.9]), np.eye(3)).angle_err == UNKNOWN
