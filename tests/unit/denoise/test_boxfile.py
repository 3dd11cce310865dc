"""Boxes on disk."""

import h5py
import numpy as np
import pytest

from cubefocus.cli.provenance import READERS
from cubefocus.denoise.boxfile import read_emission, write_emission
from cubefocus.denoise.emission import Emission
from cubefocus.errors import CubefocusError


@pytest.fixture
def emission():
    rng = np.random.default_rng(0)
    shapes = ((4, 4, 4, 3), (4, 4, 4), (4, 4, 4))
    return Emission(*(rng.uniform(0.0, 9.0, shape).astype(np.float32) for shape in shapes), side=20.0)


def test_a_box_is_read_back_and_says_how_it_was_made(tmp_path, emission):
    path = tmp_path / "box.h5"
    write_emission(path, emission, {"seed": 3})
    again = read_emission(path)
    assert again.side == 20.0
    for name in ("displacements", "log_power", "sizes"):
        assert np.array_equal(getattr(again, name), getattr(emission, name))
    assert READERS[".h5"](path)["seed"] == 3
    first = path.read_bytes()
    write_emission(path, emission, {"seed": 3})
    assert path.read_bytes() == first


def test_what_is_no_box_is_refused(tmp_path, emission):
    with pytest.raises(CubefocusError, match="no such box"):
        read_emission(tmp_path / "absent.h5")
    (tmp_path / "text.h5").write_text("no HDF5")
    with pytest.raises(CubefocusError, match="damaged"):
        read_emission(tmp_path / "text.h5")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["images"] = [1.0]
    with pytest.raises(CubefocusError, match="holds no emission"):
        read_emission(tmp_path / "other.h5")
