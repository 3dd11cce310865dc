"""What the scripts of the rules have in common."""

import sys
from pathlib import Path

import pytest
from astropy.table import Table

from cubefocus.errors import CubefocusError
from cubefocus.io import write_table

ROOT = Path(__file__).parents[3]


@pytest.fixture
def cubes_of(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    monkeypatch.delitem(sys.modules, "common", raising=False)
    import common

    return common.cubes_of


def batch(folder, names):
    write_table(folder / "truth.ecsv", Table(meta={"cubes": [{"cube_id": 12}, {"cube_id": 3}]}), {})
    for name in names:
        (folder / name).touch()


def test_cubes_of_a_batch_come_in_order_and_without_half_written_ones(cubes_of, tmp_path):
    batch(tmp_path, ["000012.dirty.fits", "000003.dirty.fits", ".4711.000003.dirty.fits"])
    cubes = cubes_of(str(tmp_path))
    assert list(cubes.items()) == [(3, tmp_path / "000003.dirty.fits"), (12, tmp_path / "000012.dirty.fits")]


def test_cube_that_was_removed_is_missed_and_not_left_out(cubes_of, tmp_path):
    batch(tmp_path, ["000003.dirty.fits"])
    with pytest.raises(CubefocusError, match=r"lacks 000012\.dirty\.fits; remove this folder and run again"):
        cubes_of(str(tmp_path))
