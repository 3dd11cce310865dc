"""Beams of headers on the pixels of a cube, whichever way these are turned."""

import numpy as np
import pytest

from cubefocus.cube.cube import Cube
from cubefocus.cube.writing import write_cube
from cubefocus.errors import CubefocusError
from cubefocus.instrument.observation import Observation
from cubefocus.search.instruments import RestoringBeam, beams_px

SETUP = Observation(n_channels=4, n_pixels=40, cell_arcsec=0.1)
BEAM = (0.9, 0.6, 30.0)


def cube_with(**cards):
    header = SETUP.header(unit="Jy/beam")
    header.update(cards)
    return Cube(np.zeros((4, 40, 40), np.float32), header)


def test_north_up_and_east_to_the_left_is_the_position_angle_itself():
    assert beams_px(cube_with(), BEAM)[0] == pytest.approx([9.0, 6.0, 30.0], abs=1e-3)


def test_mirrored_pixels_turn_the_other_way():
    east_right = cube_with(CDELT1=0.1 / 3600.0)
    assert np.sin(np.radians(beams_px(east_right, BEAM)[0, 2] + 30.0)) == pytest.approx(0.0, abs=1e-4)


@pytest.mark.parametrize("turn", [20.0, 110.0])
def test_rotated_pixels(turn):
    """North is turned from +y towards -x by minus the angle that +y has from north through east."""
    cos, sin = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    header = SETUP.header(unit="Jy/beam")
    rotated = cube_with(PC1_1=cos, PC1_2=sin * header["CDELT2"] / -header["CDELT1"] * -1.0,
                        PC2_1=sin * -header["CDELT1"] / header["CDELT2"], PC2_2=cos)  # fmt: skip
    x = y = 19.5
    first, second = rotated.positions(x, y), rotated.positions(x, y + 1.0)
    up = first.position_angle(second).deg
    assert np.sin(np.radians(beams_px(rotated, BEAM)[0, 2] - (BEAM[2] - up))) == pytest.approx(0.0, abs=1e-4)
    assert abs(np.sin(np.radians(up))) > 0.3


def test_a_channel_without_a_beam_has_that_of_the_nearest():
    cube = cube_with()
    cube.beams = np.array([[np.nan] * 3, [0.9, 0.6, 30.0], [0.8, 0.5, 30.0], [np.nan] * 3])
    assert beams_px(cube, BEAM)[:, 0] == pytest.approx([9.0, 9.0, 8.0, 8.0], abs=1e-3)


def test_primary_beam_of_another_size_is_refused(tmp_path):
    cube = cube_with(BMAJ=0.9 / 3600.0, BMIN=0.6 / 3600.0, BPA=30.0)
    write_cube(tmp_path / "pb.fits", np.ones((1, 30, 30), np.float32), cube.header, {})
    with pytest.raises(CubefocusError, match=r"pb.fits: an image of \(30, 30\) px"):
        RestoringBeam(tmp_path / "pb.fits").beam(cube, tmp_path / "cube.fits")
