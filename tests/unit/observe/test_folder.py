"""What a finished batch holds."""

import pytest
from astropy.table import Table

from cubefocus.errors import CubefocusError
from cubefocus.io import write_table
from cubefocus.observe.folder import CUBES_IN_MEMORY, cubes_of, parts_of


def batch(folder, numbers, names):
    write_table(folder / "truth.ecsv", Table(meta={"cubes": [{"cube_id": number} for number in numbers]}), {})
    for name in names:
        (folder / name).touch()


def test_cubes_of_a_batch_come_in_order_and_without_half_written_ones(tmp_path):
    batch(tmp_path, [12, 3], ["000012.dirty.fits", "000003.dirty.fits", ".4711.000003.dirty.fits"])
    cubes = cubes_of(str(tmp_path))
    assert list(cubes.items()) == [(3, tmp_path / "000003.dirty.fits"), (12, tmp_path / "000012.dirty.fits")]


def test_cube_that_was_removed_is_missed_and_not_left_out(tmp_path):
    batch(tmp_path, [12, 3], ["000003.dirty.fits"])
    with pytest.raises(CubefocusError, match=r"lacks 000012\.dirty\.fits; remove this folder and run again"):
        cubes_of(tmp_path)


def test_parts_hold_every_cube_once(tmp_path):
    numbers = range(2 * CUBES_IN_MEMORY + 1)
    batch(tmp_path, numbers, [f"{number:06d}.dirty.fits" for number in numbers])
    parts = [*parts_of(tmp_path)]
    assert [len(part) for part in parts] == [CUBES_IN_MEMORY, CUBES_IN_MEMORY, 1]
    assert [number for part in parts for number, _ in part] == [*numbers]
