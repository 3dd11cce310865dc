"""What a finished batch holds."""

import threading
import time

import pytest
from astropy.table import Table

from cubefocus.alma.folder import CUBES_IN_MEMORY, close_partial, cubes_of, open_partial, parts_of
from cubefocus.errors import CubefocusError
from cubefocus.files import write_table


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


def test_a_second_process_waits_and_takes_what_the_first_has_made(tmp_path, caplog):
    # a lock of another open file of this process excludes as one of another process does
    caplog.set_level("INFO", logger="cubefocus")
    out, seen = tmp_path / "000", []

    def second():
        with open_partial(out, "recipe") as partial:
            seen.append(partial)

    with open_partial(out, "recipe") as partial:
        (partial / "000001.dirty.fits").write_text("a cube")
        waiting = threading.Thread(target=second, daemon=True)
        waiting.start()
        while "waiting for it" not in caplog.text:
            assert waiting.is_alive(), "it did not wait"
            time.sleep(0.01)
        assert not seen
        close_partial(partial, out)
    waiting.join()
    assert seen == [None], "the cubes are there"
    assert {path.name for path in out.iterdir()} == {"recipe.json", "000001.dirty.fits"}
    assert [path.name for path in tmp_path.iterdir()] == ["000"]


def test_cubes_of_a_process_that_failed_are_kept_and_half_written_ones_not(tmp_path):
    def fail():
        with open_partial(tmp_path / "000", "recipe") as partial:
            (partial / "000001.dirty.fits").write_text("a cube")
            (partial / ".17.000002.dirty.fits").write_text("half a cube")
            raise RuntimeError("in a cube")

    with pytest.raises(RuntimeError, match="in a cube"):
        fail()
    with open_partial(tmp_path / "000", "recipe") as partial:
        assert {path.name for path in partial.iterdir()} == {"recipe.json", "lock", "000001.dirty.fits"}
    with open_partial(tmp_path / "000", "another") as partial:
        assert {path.name for path in partial.iterdir()} == {"recipe.json", "lock"}
