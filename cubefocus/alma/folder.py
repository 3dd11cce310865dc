"""The folder of a batch of cubes: unfinished, under the name ``<folder>.partial``, and finished."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from cubefocus.cube.cube import Cube
from cubefocus.cube.reading import read_cube
from cubefocus.errors import CubefocusError
from cubefocus.files import atomic_path, read_table

logger = logging.getLogger(__name__)

LOCK = "lock"
CUBES_IN_MEMORY = 8


def read_recipe(folder: Path) -> str | None:
    """Digest of what the cubes of a folder were made from; None if it does not say."""
    path = folder / "recipe.json"
    return json.loads(path.read_text())["recipe"] if path.is_file() else None


def is_made(out_dir: Path, recipe: str) -> bool:
    """Whether a folder holds the finished batch.

    Raises
    ------
    CubefocusError
        If it holds something made by another recipe.
    """
    if not out_dir.exists():
        return False
    if read_recipe(out_dir) != recipe:
        raise CubefocusError(f"{out_dir}: holds cubes made by another recipe, or not by this step; remove it")
    return True


@contextmanager
def open_partial(out_dir: Path, recipe: str) -> Iterator[Path | None]:
    """Directory of the unfinished batch, for this process alone; what another recipe left there is of no use.

    A process of a run that was killed may still be at work on the same cubes: it is waited for, and None is given if it
    has finished them.
    """
    partial = out_dir.with_name(f"{out_dir.name}.partial")
    with _alone(partial):
        if is_made(out_dir, recipe):
            shutil.rmtree(partial)
            yield None
            return
        _clear(partial, recipe)
        with atomic_path(partial / "recipe.json") as temporary:
            temporary.write_text(json.dumps({"recipe": recipe}))
        yield partial


def _clear(partial: Path, recipe: str) -> None:
    """Remove what another recipe left, or temporary files of a run that was killed while it wrote them."""
    left_by = read_recipe(partial)
    if left_by not in (None, recipe):
        logger.warning("%s: was left by another recipe; starting anew", partial)
    for path in partial.iterdir():
        if path.name != LOCK and (left_by != recipe or path.name.startswith(".")):
            path.unlink()


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold a folder by a lock on a file in it; the folder may have another name in the end."""
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / LOCK, "a") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                logger.info("%s: another process is at work there; waiting for it", folder)
                fcntl.flock(stream, fcntl.LOCK_EX)
            if (folder / LOCK).exists() and (folder / LOCK).stat().st_ino == os.fstat(stream.fileno()).st_ino:
                yield
                return


def close_partial(partial: Path, out_dir: Path) -> None:
    """Give the finished batch its name."""
    (partial / LOCK).unlink()
    partial.rename(out_dir)


def cubes_of(folder: str | Path) -> dict[int, Path]:
    """Dirty cube of every field of a finished batch by its id, in the order of the ids.

    Its truth table says which there must be: a cube that somebody removed would otherwise be left out unseen.

    Raises
    ------
    CubefocusError
        If a cube is missing.
    """
    folder = Path(folder)
    ids = sorted(cube["cube_id"] for cube in read_table(folder / "truth.ecsv").meta["cubes"])
    cubes = {cube_id: folder / f"{cube_id:06d}.dirty.fits" for cube_id in ids}
    missing = [path.name for path in cubes.values() if not path.is_file()]
    if missing:
        raise CubefocusError(f"{folder}: lacks {', '.join(missing[:6])}; remove this folder and run again")
    return cubes


def parts_of(folder: str | Path) -> Iterator[list[tuple[int, Path]]]:
    """The cubes of a batch a few at a time, so many that full-size ones fit into memory."""
    cubes = [*cubes_of(folder).items()]
    for start in range(0, len(cubes), CUBES_IN_MEMORY):
        yield cubes[start : start + CUBES_IN_MEMORY]


def read_part(part: Sequence[tuple[int, Path]]) -> tuple[list[int], list[Cube]]:
    """Ids and cubes of a part."""
    return [cube_id for cube_id, _ in part], [read_cube(path) for _, path in part]
