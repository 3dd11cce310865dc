"""Skies of the study ``eso``: their flux, places and angles, and random components that do not touch each other."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from cubefocus.denoise.skyfits import sky_header
from cubefocus.errors import CubefocusError
from cubefocus.resolve.components import RADII, drawn_components, gaussians, ringed_disc
from cubefocus.settings.eso import Component, CoverageSettings, EsoSettings

CELL = 0.1  # arcsec
CENTRE = (60.0, -35.0)  # deg


def header(size: int = 128, cell: float = CELL) -> Any:
    return sky_header((size, size), cell, CENTRE, "FK5")


def one(**values: float) -> Component:
    return Component(**{"peak": 10.0, "major_arcsec": 1.0, "minor_arcsec": 0.6, **values})


@pytest.mark.parametrize("fwhm", [(2.0, 1.2), (1.0, 0.4), (0.3, 0.15), (0.1, 0.05), (0.02, 0.001)])
@pytest.mark.parametrize("east", [0.0, 0.537])
def test_image_holds_the_flux_of_a_component_of_any_size(fwhm: tuple[float, float], east: float) -> None:
    image, truth = gaussians([one(major_arcsec=fwhm[0], minor_arcsec=fwhm[1], pa_deg=25.0, east_arcsec=east)], header())
    flux = 10.0 * math.pi / (4.0 * math.log(2.0)) * fwhm[0] * fwhm[1]
    assert truth["flux"][0] == pytest.approx(flux)
    assert image.sum() * CELL**2 == pytest.approx(flux, rel=2e-3)
    assert image.min() >= 0.0


def test_centre_of_flux_is_the_place_of_the_truth() -> None:
    image, truth = gaussians([one(minor_arcsec=0.1, east_arcsec=1.23, north_arcsec=-2.34)], header())
    y, x = (float((index * image).sum() / image.sum()) for index in np.indices(image.shape))
    assert (x, y) == pytest.approx((64 - 12.3, 64 - 23.4), abs=0.02)  # of a minor axis of one pixel
    assert (truth["x"][0], truth["y"][0]) == pytest.approx((64 - 12.3, 64 - 23.4))
    told = SkyCoord(truth["ra"], truth["dec"], unit="deg")[0]
    east, north = SkyCoord(*CENTRE, unit="deg").spherical_offsets_to(told)
    assert (east.arcsec, north.arcsec) == pytest.approx((1.23, -2.34), abs=1e-3)


@pytest.mark.parametrize(("angle", "towards"), [(0.0, (0, 8)), (90.0, (-8, 0)), (45.0, (-6, 6))])
def test_position_angle_is_north_through_east(angle: float, towards: tuple[int, int]) -> None:
    """East is where x falls."""
    image, _ = gaussians([one(major_arcsec=2.0, minor_arcsec=0.5, pa_deg=angle)], header())
    x, y = towards
    assert image[64 + y, 64 + x] > 100 * image[64 + x, 64 - y]


def test_half_maximum_is_at_half_the_fwhm() -> None:
    image, _ = gaussians([one(major_arcsec=2.0, minor_arcsec=1.0)], header())
    assert image[64, 64] == pytest.approx(10.0)
    assert image[74, 64] == pytest.approx(5.0)
    assert image[64, 69] == pytest.approx(5.0)


def test_the_sky_of_the_report_has_its_peaks() -> None:
    image, truth = gaussians(EsoSettings().sky.components, header(512))
    assert [*truth["peak"][:3]] == [34.11, 23.31, 16.69]
    assert [*truth["component"]] == [1, 2, 3, 4, 5]
    assert image.sum() * CELL**2 == pytest.approx(truth["flux"].sum(), rel=1e-3)


@pytest.mark.parametrize("values", [{"minor_arcsec": 2.0}, {"east_arcsec": 7.0}, {"north_arcsec": -6.5}])
def test_a_component_that_cannot_be_is_one_clear_line(values: dict[str, float]) -> None:
    with pytest.raises(CubefocusError, match=r"sky\.components\[1\]"):
        gaussians([one(), one(**values)], header())


def test_random_components_are_apart_and_within_the_image() -> None:
    settings = CoverageSettings(components=5)
    for number in range(1, 21):
        drawn = drawn_components(settings, CELL, 1, number)
        assert len(drawn) == 5
        assert all(first.peak >= second.peak for first, second in itertools.pairwise(drawn))
        for first, second in itertools.combinations(drawn, 2):
            distance = math.hypot(first.east_arcsec - second.east_arcsec, first.north_arcsec - second.north_arcsec)
            assert distance >= first.major_arcsec + second.major_arcsec
        for each in drawn:
            assert max(abs(each.east_arcsec), abs(each.north_arcsec)) <= 0.3 * settings.size * CELL
            assert settings.peak[0] <= each.peak <= settings.peak[1]
            assert settings.fwhm_arcsec[0] <= each.major_arcsec <= settings.fwhm_arcsec[1]
            assert 0.5 <= each.minor_arcsec / each.major_arcsec <= 1.0


def test_random_components_follow_from_seed_and_number() -> None:
    settings = CoverageSettings()
    skies = [drawn_components(settings, CELL, *each) for each in ((1, 1), (1, 1), (1, 2), (2, 1))]
    assert skies[0] == skies[1]
    assert len({sky[0].peak for sky in skies}) == 3


def test_components_without_a_place_are_one_clear_line() -> None:
    with pytest.raises(CubefocusError, match=r"coverage\.components is 30"):
        drawn_components(CoverageSettings(components=30, fwhm_arcsec=(1.9, 2.0)), CELL, 1, 1)


def test_disc_has_a_gap_and_the_flux_within_its_radii() -> None:
    image, truth = ringed_disc((), header(256, 0.005))
    flux = [*truth["flux"]]
    assert flux == sorted(flux)
    assert flux[-1] == pytest.approx(0.049, rel=0.02)
    assert truth["major_arcsec"][-1] == 2 * RADII[-1]
    along = image[128:, 128]  # to the north, along its major axis but for 15 deg
    gap, ring = (along[round(radius / 0.005)] for radius in (0.235, 0.28))
    assert ring > 1.3 * gap > 0.0
    assert along[round(0.42 / 0.005)] < 1e-2 * gap


def test_disc_larger_than_the_image_is_one_clear_line() -> None:
    with pytest.raises(CubefocusError, match=r"image\.size is 64"):
        ringed_disc((), header(64, 0.005))
