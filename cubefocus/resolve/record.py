"""What a folder of ``cubefocus resolve`` was made from, so that the same command goes on and another one is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cubefocus.errors import CubefocusError, shown
from cubefocus.files import atomic_path, make_folder
from cubefocus.resolve.products import PRODUCTS, WAY

RECORD = "resolve.json"
STATE = "state"
POSTERIOR = "posterior.h5"


def open_folder(folder: Path, record: Mapping[str, Any], force: bool) -> bool:
    """Make a folder, or take one that the same settings and data made.

    Parameters
    ----------
    folder : Path
    record : mapping
        Settings and data, as plain values.
    force : bool
        Remove what other ones have left in it.

    Returns
    -------
    bool
        Whether there was one, so that the inference goes on.

    Raises
    ------
    CubefocusError
        If it holds other files, or what was made with other settings or data and `force` is not given.
    """
    make_folder(folder, WAY)
    record, older = json.loads(json.dumps(record)), _read(folder)
    if older == record:
        return True
    if older is not None:
        if not force:
            raise CubefocusError(f"{folder}: {_difference(older, record)}; {WAY}, or add --force to begin anew")
        _clear(folder)
    with atomic_path(folder / RECORD) as partial:
        partial.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return False


def _read(folder: Path) -> Any:
    """Record of a folder; None for an empty one."""
    path = folder / RECORD
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if any(not one.name.startswith(".") for one in folder.iterdir()):  # but for what a killed run left
            raise CubefocusError(f"{folder}: holds files that are not of cubefocus resolve; {WAY}") from None
        return None
    except ValueError as error:
        raise CubefocusError(f"{path}: is damaged ({error}); {WAY}") from error


def _clear(folder: Path) -> None:
    """Remove what the command makes in a folder, and nothing else: the record last, should it be killed meanwhile."""
    shutil.rmtree(folder / STATE, ignore_errors=True)
    for name in (*PRODUCTS, POSTERIOR, RECORD):
        (folder / name).unlink(missing_ok=True)


def _difference(older: Any, record: Any) -> str:
    """Say the first value in which two records differ."""
    before, now = dict(_flat(older)), dict(_flat(record))
    name = next(one for one in (*now, *before) if before.get(one) != now.get(one))
    return f"was made with {name} {shown(before.get(name))}, and it is {shown(now.get(name))} now"


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key in value:
            yield from _flat(value[key], f"{path}.{key}".lstrip("."))
    else:
        yield path, value
