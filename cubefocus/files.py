"""Reading and writing of tables and YAML: whole or not at all, with provenance, and no key twice.

The workflow reads its config files with `read_yaml` on login nodes, so astropy is imported where tables are read.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from cubefocus.errors import CubefocusError

if TYPE_CHECKING:
    from astropy.table import Table

NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
FULL = "cannot be written, the disk is full; make room and run again"
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


def refuse_missing(*paths: str | Path | None) -> None:
    """Refuse files that are not there; None is none.

    Raises
    ------
    CubefocusError
    """
    for path in paths:
        if path is not None and not Path(path).is_file():
            kind = "is a folder; name a file in it" if Path(path).is_dir() else "no such file; check the path"
            raise CubefocusError(f"{path}: {kind}")


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
            raise CubefocusError(f"{path}: {FULL}") from error
        raise


@contextmanager
def refuse_full(path: str | Path) -> Iterator[None]:
    """Raise what the block says of a full disk as the one message of it, where another process has `atomic_path`.

    Raises
    ------
    CubefocusError
        If the disk is full.
    """
    try:
        yield
    except OSError as error:
        if error.errno in NO_SPACE:
            raise CubefocusError(f"{path}: {FULL}") from error
        raise


def remove_leftovers(folder: str | Path, name: str = "") -> None:
    """Remove from a folder what `atomic_path` was writing to in processes that were killed: one file's, or all."""
    for path in Path(folder).iterdir():
        if name and not path.name.endswith(f".{name}"):
            continue
        pid = path.name.split(".")[1] if path.name.startswith(".") and path.name.count(".") > 1 else ""
        if pid.isdigit() and path.is_file() and not _runs(int(pid)):
            path.unlink()


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True


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
    from astropy.table import Table

    path = Path(path)
    if not path.is_file():
        raise CubefocusError(f"{path}: no such table; check the path")
    try:
        return Table.read(path, format="ascii.ecsv")
    except (ValueError, OSError) as error:
        raise CubefocusError(f"{path}: not a readable ECSV table ({error}); make it again") from error


class _OnceLoader(yaml.SafeLoader):
    """Safe loader that refuses a key that stands twice in a mapping; PyYAML drops the first without a word."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        lines: dict[tuple[str, str], int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            name, line = (key.tag, key.value), key.start_mark.line + 1
            if name in lines:
                raise CubefocusError(
                    f"line {line}: the key {key.value} stands twice, first in line {lines[name]}, and only the last "
                    "would count; put what both hold into one"
                )
            lines[name] = line
        return node


def read_yaml(path: str | Path) -> Any:
    """Read a YAML file.

    Raises
    ------
    CubefocusError
        If the file cannot be read, is not YAML, or has a key twice; the message names the file and the line.
    """
    try:
        return _OnceLoader(Path(path).read_text(encoding="utf-8")).get_single_data()
    except OSError as error:
        raise CubefocusError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise CubefocusError(f"{path}: not YAML ({' '.join(str(error).split())})") from error
    except CubefocusError as error:
        raise CubefocusError(f"{path}: {error}") from error
