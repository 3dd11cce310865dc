"""Products survive the round trip through HDF5, and damaged files are named."""

import numpy as np
import pytest
from astropy.table import Table

from cubefocus.alma import training_products as products
from cubefocus.errors import CubefocusError


@pytest.fixture
def truth():
    return Table(
        {
            "cube_id": [3], "source_id": [0], "x": [20.0], "y": [18.0], "sigma_x": [2.0], "sigma_y": [1.5],
            "pa": [30.0], "x0": [16], "y0": [14], "x1": [25], "y1": [23], "z0": [4.0], "z1": [10.0], "flux_line": [1.0],
        }
    )  # fmt: skip


def test_shapes_and_round_trip(tmp_path, truth):
    dirty = np.random.default_rng(1).normal(size=(16, 40, 40)).astype(np.float32)
    made = products.true_products(dirty, np.abs(dirty), truth, 1.5, 64)
    products.write_products(tmp_path / "a.h5", made, {"seed": 1})
    products.write_products(tmp_path / "b.h5", made, {"seed": 1})
    loaded = products.load_products([tmp_path / "a.h5", tmp_path / "b.h5"], made)
    assert loaded["images/dirty"].shape == (2, 40, 40)
    assert loaded["spectra/sky"].shape == (2, 16)
    assert loaded["focused"].shape == loaded["line_images"].shape == (2, 64, 64)
    np.testing.assert_array_equal(
        loaded["spectra/dirty"][1], dirty[:, 14:23, 16:25].sum(axis=(1, 2), dtype=float).astype(np.float32)
    )
    np.testing.assert_array_equal(loaded["index/cube_id"], [3, 3])


def test_cube_without_sources_gives_an_image_and_no_source(truth):
    dirty = np.zeros((16, 40, 40), dtype=np.float32)
    made = products.true_products(dirty, dirty, truth[:0], 1.5, 64)
    assert len(made["images/dirty"]) == 1
    assert made["focused"].shape == (0, 64, 64)
    assert made["spectra/dirty"].shape == (0, 16)


def test_missing_dataset_and_truncated_file_are_named(tmp_path, truth):
    dirty = np.random.default_rng(1).normal(size=(16, 40, 40)).astype(np.float32)
    path = tmp_path / "a.h5"
    products.write_products(path, products.true_products(dirty, dirty, truth, 1.5, 64), {})
    with pytest.raises(CubefocusError, match=r"a\.h5: has no dataset spectra/green"):
        products.load_products([path], ["spectra/green"])
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(CubefocusError, match=r"a\.h5: truncated"):
        products.load_products([path], ["focused"])
