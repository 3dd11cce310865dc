"""Local axes of an image on the sky, by routes that are not those of the package."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from astropy.wcs.utils import local_partial_pixel_derivatives

from cubefocus.cube.celestial import equatorial, frame_of, local_axes, position_angle


def wcs_of(ra=60.0, dec=-35.0, turn=0.0, kind=("RA---SIN", "DEC--SIN"), **cards) -> WCS:
    header = fits.Header({"CTYPE1": kind[0], "CTYPE2": kind[1], "CRVAL1": ra, "CRVAL2": dec, "CRPIX1": 33.0,
                          "CRPIX2": 33.0, "CUNIT1": "deg", "CUNIT2": "deg", **cards})  # fmt: skip
    c, s, cell = np.cos(np.radians(turn)), np.sin(np.radians(turn)), 0.2 / 3600
    for name, value in zip(("CD1_1", "CD1_2", "CD2_1", "CD2_2"), (-c, s, s, c), strict=True):
        header[name] = value * cell
    return WCS(header)


@pytest.mark.parametrize("turn", [0.0, 27.0, 200.0])
@pytest.mark.parametrize(("ra", "dec"), [(60.0, -35.0), (0.0, 82.0), (359.99999, 5.0)])
def test_axes_are_the_derivatives_of_the_wcs_library(ra, dec, turn):
    wcs = wcs_of(ra, dec, turn)
    x, y = 40.3, 21.8
    by = local_partial_pixel_derivatives(wcs, x, y)  # of ra and dec, in degrees, by numbers of the library's own
    cos_dec = np.cos(np.radians(equatorial(wcs, x, y).dec.deg))
    (found,) = local_axes(wcs, [x], [y])
    assert found == pytest.approx(3600.0 * by * np.array([[cos_dec], [1.0]]), abs=1e-6)


def test_axes_of_a_galactic_image_are_those_of_right_ascension_and_declination():
    wcs = wcs_of(120.0, 30.0, kind=("GLON-SIN", "GLAT-SIN"))
    (found,) = local_axes(wcs, [32.0], [32.0])
    here, there = equatorial(wcs, 32.0, 32.0), equatorial(wcs, 33.0, 32.0)
    east, north = here.spherical_offsets_to(there)
    assert found[:, 0] == pytest.approx([east.arcsec, north.arcsec], abs=1e-6)
    assert np.degrees(np.arctan2(*found[:, 0])) % 180.0 == pytest.approx(position_angle(wcs, 32.0, 32.0, 0.0), abs=1e-3)
    assert frame_of(wcs) == "ICRS"


def test_axes_are_finite_and_square_at_a_pole():
    (found,) = local_axes(wcs_of(0.0, 90.0), [32.2], [32.1])
    assert found @ found.T == pytest.approx(0.04 * np.eye(2), abs=1e-6)


def test_an_image_that_is_nowhere_has_no_axes_and_no_frame():
    nowhere = WCS(naxis=1)
    assert np.isnan(local_axes(nowhere, [1.0, 2.0], [1.0, 2.0])).all()
    assert local_axes(nowhere, [], []).shape == (0, 2, 2)
    assert frame_of(nowhere) == ""
    assert frame_of(wcs_of(RADESYS="FK5", EQUINOX=2000.0)) == "FK5"
