"""``cubefocus.detect`` without a bundle: what Python gets is what the command writes."""

import doctest

import numpy as np
import pytest
from scenes import make_header

import cubefocus
from cubefocus.cli.main import main
from cubefocus.cube.beams import with_beam
from cubefocus.cube.cube import Cube
from cubefocus.cube.writing import write_cube
from cubefocus.errors import CubefocusError
from cubefocus.files import read_table
from cubefocus.search import api

SHAPE = (12, 64, 64)


@pytest.fixture
def cube():
    z, y, x = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    data = 0.001 * np.random.default_rng(2).standard_normal(SHAPE)
    for x0, y0, z0 in ((20, 30, 4), (45, 40, 8)):
        data += 0.01 * np.exp(-0.5 * ((x - x0) ** 2 + (y - y0) ** 2) / 2.12**2 - 0.5 * ((z - z0) / 1.5) ** 2)
    header = make_header(SHAPE)
    header["BUNIT"] = "Jy/beam"
    return Cube(data.astype(np.float32), with_beam(header, [(0.5, 0.5, 0.0)], "ALMA"))


def test_python_and_command_find_the_same(cube, tmp_path):
    write_cube(tmp_path / "cube.fits", cube.data, cube.header, {})
    assert main(["detect", str(tmp_path / "cube.fits"), "-o", str(tmp_path / "out"), "--device", "cpu"]) == 0
    written = read_table(tmp_path / "out" / "catalogue.ecsv")
    for given in (cube, tmp_path / "cube.fits", [str(tmp_path / "cube.fits")]):
        found = cubefocus.detect(given, device="cpu")
        assert len(found.catalogue) == len(written) == 2
        for name in ("x", "y", "z", "significance", "line_flux_jykms", "line_flux_jykms_err"):
            assert np.allclose(found.catalogue[name], written[name], rtol=1e-6)


def test_a_result_prints_itself_and_has_a_picture(cube):
    found = cubefocus.detect([cube, cube], ids=[3, 5])
    assert "4 sources of" in repr(found)
    assert str(found.catalogue["name"][0]) in repr(found)
    assert sorted(set(found.catalogue["cube_id"])) == [3, 5]
    assert len(found.plot(1).axes) >= 2
    empty = cubefocus.detect(Cube(np.random.default_rng(1).standard_normal(SHAPE), cube.header))
    assert repr(empty).startswith("0 sources of")


def test_what_contradicts_itself_is_refused(cube):
    with pytest.raises(CubefocusError, match="purity is for a search without networks"):
        cubefocus.detect(cube, "bundle", purity=0.9)
    with pytest.raises(CubefocusError, match="settings replace those of a bundle"):
        cubefocus.detect(cube, settings={"blobs": {}})
    with pytest.raises(CubefocusError, match="each with its own id"):
        cubefocus.detect([cube, cube], ids=[1, 1])
    cube.header.remove("BMAJ")
    with pytest.raises(CubefocusError, match=r"cube in memory.*no restoring beam"):
        cubefocus.detect(cube)


def test_the_example_of_the_docstring():
    assert doctest.testmod(api).failed == 0
