"""Flux within an ellipse is that share of a Gaussian which its size says, wherever it lies and however it is turned."""

import numpy as np
import pytest

from cubefocus.cube.scale import gaussian_area, gaussian_moments
from cubefocus.denoise.skyfits import sky_header
from cubefocus.errors import CubefocusError
from cubefocus.resolve.regions import flux_within

CELL = 0.1
HEADER = sky_header((96, 128), CELL)
WHERE = {"x": 61.3, "y": 40.8, "major_arcsec": 2.4, "minor_arcsec": 1.2, "pa_deg": 35.0}


def gaussian(x, y, major_arcsec, minor_arcsec, pa_deg):
    form = np.linalg.inv(gaussian_moments(major_arcsec, minor_arcsec, pa_deg))
    rows, columns = np.indices((96, 128))
    offset = np.stack([(columns - x) * CELL, (rows - y) * CELL])
    return np.exp(-0.5 * np.einsum("iyx,ij,jyx->yx", offset, form, offset))


@pytest.mark.parametrize("factor", [1.0, 1.5, 2.0])
def test_share_of_a_gaussian(factor):
    found = flux_within(7.0 * gaussian(**WHERE), HEADER, **WHERE, factor=factor)
    assert found == pytest.approx(7.0 * gaussian_area(2.4, 1.2) * (1.0 - 2.0 ** -(factor**2)), rel=2e-3)


def test_the_angle_is_from_north_to_east():
    image = np.zeros((96, 128))
    image[48 + 10, 64 - 10] = 1.0  # north-east, as east is to the left
    narrow = {"x": 64.0, "y": 48.0, "major_arcsec": 4.0, "minor_arcsec": 0.4}
    assert flux_within(image, HEADER, **narrow, pa_deg=45.0) == pytest.approx(CELL**2)
    assert flux_within(image, HEADER, **narrow, pa_deg=-45.0) == 0.0


def test_each_sample_has_its_own_and_an_image_has_one():
    image = gaussian(**WHERE)
    one = flux_within(image, HEADER, **WHERE)
    np.testing.assert_allclose(flux_within(np.stack([image, 3.0 * image]), HEADER, **WHERE), [one, 3.0 * one])
    assert one.shape == ()


def test_an_ellipse_off_the_image_is_refused():
    with pytest.raises(CubefocusError, match="about x 500, y 3"):
        flux_within(gaussian(**WHERE), HEADER, 500.0, 3.0, 1.0, 1.0, 0.0)
