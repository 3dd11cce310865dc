"""The observing set-up: what it refuses, and where its header puts things."""

import numpy as np
import pytest
from astropy import units as u
from astropy.wcs import WCS
from paper import OBSERVATION

from cubefocus.errors import CubefocusError
from cubefocus.instrument.observation import Observation


def test_grid_of_the_papers_set_up():
    paper = OBSERVATION
    assert paper.cube_shape == (128, 360, 360)
    assert paper.frequencies_hz[64] == 230e9
    assert np.allclose(np.diff(paper.frequencies_hz), 10e6)
    assert paper.centre.ra.to_string(u.hour, precision=2) == "3h59m59.96s"


@pytest.mark.parametrize("n_pixels", [64, 65])
def test_header_puts_phase_centre_at_middle_pixel_and_east_to_the_left(n_pixels):
    observation = Observation(n_pixels=n_pixels, n_channels=5)
    wcs = WCS(observation.header())
    middle = n_pixels // 2
    sky, frequency = wcs.pixel_to_world(middle, middle, 2)
    assert sky.separation(observation.centre) < 1e-6 * u.arcsec
    assert frequency.to_value(u.GHz) == pytest.approx(230.0)
    east, north = (wcs.celestial.pixel_to_world(*pixel) for pixel in ((middle - 10, middle), (middle, middle + 10)))
    d_east, _ = observation.centre.spherical_offsets_to(east)
    _, d_north = observation.centre.spherical_offsets_to(north)
    assert d_east.to_value(u.arcsec) == pytest.approx(1.0, rel=1e-4)
    assert d_north.to_value(u.arcsec) == pytest.approx(1.0, rel=1e-4)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"n_pixel": 64}, "did you mean n_pixels"),
        ({"n_pixels": 64.5}, "whole number"),
        ({"n_pixels": True}, "whole number"),
        ({"n_channels": 0}, "n_channels is 0"),
        ({"pwv_mm": "1e-1"}, "YAML reads 1e-1 as a text, write 1.0e-1"),
        ({"cell_arcsec": float("nan")}, "cell_arcsec"),
        ({"cell_arcsec": -0.1}, "more than 0"),
        ({"pblimit": 1.0}, "less than 1"),
        ({"direction": "3h59m -35d"}, "J2000 03h"),
        ({"hour_angle": "late"}, "transit"),
        ({"hour_angle": "13h"}, "between -12 and 12"),
        ({"integration_s": 10, "total_time_s": 5}, "longer than total_time_s"),
        ({"channel_width_mhz": 4e6}, "reach below 0"),
    ],
)
def test_bad_values_are_named(values, words):
    with pytest.raises(CubefocusError, match=words):
        Observation.from_mapping(values)


def test_digest_follows_values():
    assert Observation.from_mapping({"hour_angle": -2}).hour_angle_h == -2.0
    assert Observation().digest() == Observation.from_mapping({"integration_s": 60}).digest()
    assert Observation().digest() != Observation(integration_s=20.0).digest()


def test_yaml_with_and_without_section(tmp_path):
    flat, nested, broken = (tmp_path / name for name in ("flat.yaml", "nested.yaml", "broken.yaml"))
    flat.write_text("n_pixels: 64\n")
    nested.write_text("seed: 1\nobservation:\n  n_pixels: 64\n")
    broken.write_text("n_pixels: [64\n")
    assert Observation.from_yaml(flat) == Observation.from_yaml(nested) == Observation(n_pixels=64)
    with pytest.raises(CubefocusError, match=r"broken\.yaml"):
        Observation.from_yaml(broken)
    with pytest.raises(CubefocusError, match=r"absent\.yaml"):
        Observation.from_yaml(tmp_path / "absent.yaml")


def test_alternatives_share_what_is_not_their_own():
    values = {
        "n_pixels": 64,
        "array": "alma.cycle9.3",
        "alternatives": [{}, {"array": "alma.cycle9.1", "hour_angle": "2h"}],
    }
    first, second = Observation.list_from_mapping(values)
    assert (first.array, first.hour_angle_h) == ("alma.cycle9.3", 0.0)
    assert (second.array, second.hour_angle_h) == ("alma.cycle9.1", 2.0)
    assert first.n_pixels == second.n_pixels == 64
    assert Observation.list_from_mapping({"n_pixels": 64}) == [Observation(n_pixels=64)]


@pytest.mark.parametrize("alternatives", [{"array": "alma.cycle9.1"}, ["alma.cycle9.1"], [{"antennas": 3}]])
def test_alternatives_that_cannot_be_read_are_refused(alternatives):
    with pytest.raises(CubefocusError, match=r"observation\."):
        Observation.list_from_mapping({"alternatives": alternatives})
