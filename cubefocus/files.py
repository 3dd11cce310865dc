"""Reading and writing of cubes and tables: whole or not at all, with units, WCS and provenance."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from astropy.table import Table

from cubefocus.errors import CubefocusError

NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
LEAST_FREE = 2**16  # bytes; a disk with less is full


def make_folder(folder: str | Path, way: str) -> Path:
    """Make a folder to write into, and its parents.

    Parameters
    ----------
    folder : path
    way : str
        What the user can do where that fails, for the message.

    Raises
    ------
    CubefocusError
        If it cannot be made or cannot be written into.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CubefocusError(f"{folder}: no folder can be made here ({error.strerror}); {way}") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise CubefocusError(f"{folder}: cannot be written into; {way}")
    return folder


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Give a temporary name beside ``path`` to write to, and rename it when the block ends without an error.

    The temporary name keeps the suffix, because writers choose their format by it. A block that raises leaves
    neither a temporary file nor a half-written ``path``.

    Raises
    ------
    CubefocusError
        If the block failed because the disk is full.
    """
    path, full = Path(path), False
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{os.getpid()}.{path.name}")
        try:
            yield temporary
            os.replace(temporary, path)
        finally:
            full = shutil.disk_usage(path.parent).free < LEAST_FREE  # before what was written makes room again
            temporary.unlink(missing_ok=True)
    except CubefocusError:
        raise
    except Exception as error:  # of which kind depends on the writer: those of FITS, HDF5 and torch have their own
        if full or getattr(error, "errno", None) in NO_SPACE:
            raise CubefocusError(f"{path}: cannot be written, the disk is full; make room and run again") from error
        raise


def write_table(path: str | Path, table: Table, provenance: Mapping[str, Any]) -> None:
    """Write a table as ECSV with its provenance in the meta data."""
    copy = table.copy(copy_data=False)
    copy.meta["provenance"] = dict(provenance)
    with atomic_path(path) as temporary:
        copy.write(temporary, format="ascii.ecsv")


def read_table(path: str | Path) -> Table:
    """Read an ECSV table.

    Raises
    ------
    CubefocusError
        If the file is absent or is not ECSV.
    """
    path = Path(path)
    if not path.is_file():
        raise CubefocusError(f"{path}: no such table; check the path")
    try:
        return Table.read(path, format="ascii.ecsv")
    except (ValueError, OSError) as error:
        raise CubefocusError(f"{path}: not a readable ECSV table ({error}); make it again") from error
