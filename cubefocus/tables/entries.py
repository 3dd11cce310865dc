"""A truth table and the catalogues that are scored against it: which cubes count, and what belongs to none of them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from cubefocus.errors import CubefocusError
from cubefocus.tables.columns import BOX, LINE_RANGE, has_columns
from cubefocus.tables.mapping import Reading, has_position, standard_columns
from cubefocus.tables.reading import read_catalogue

logger = logging.getLogger(__name__)
SAME_PLACE = 0.5  # px that a header may move the true sources by


@dataclass(frozen=True)
class Truth:
    """The true sources that catalogues are scored against.

    Attributes
    ----------
    table : astropy.table.Table
        With the columns of `cubefocus.tables.mapping.standard_columns`, cube_id among them.
    path : Path
    cubes : frozenset of int
        Cubes that are scored, those without sources included as far as they are known.
    others : frozenset of int
        Cubes of other splits.
    listed : bool
        Whether the file lists its cubes, so that those without sources are known.
    has_ids : bool
        Whether the file numbers its cubes; if not, it is of one cube.
    """

    table: Table
    path: Path
    cubes: frozenset[int]
    others: frozenset[int]
    listed: bool
    has_ids: bool = True

    @property
    def channels(self) -> tuple[float, float] | None:
        """Lowest and highest channel of the true lines; None if the table has none."""
        names = LINE_RANGE if has_columns(self.table, LINE_RANGE) else ("z",)
        if not has_columns(self.table, names):
            return None
        values = np.concatenate([np.asarray(self.table[name], dtype=float) for name in names])
        return (float(np.nanmin(values)), float(np.nanmax(values))) if np.isfinite(values).any() else None


def read_truth(path: Path, reading: Reading, split: str | None = None) -> Truth:
    """Read a truth table and choose a split.

    Parameters
    ----------
    path : Path
    reading : Reading
    split : str, optional
        Value of the column ``split``; all rows if not given.

    Raises
    ------
    CubefocusError
        If the table is unusable, has no such split, or has several and none is named, or the header of
        `reading` does not place its sources where they are.
    """
    raw = _read(path, reading)
    table = standard_columns(raw, path, reading, whole=True)
    has_ids = "cube_id" in table.colnames
    if not has_ids:
        table["cube_id"] = np.zeros(len(table), dtype=np.int64)
    _check_header(table, path, reading)
    listed = _listed(raw.meta)
    chosen = _chosen(raw, [cube.get("split") for cube in listed], split, path)
    rows = np.asarray(table["cube_id"])
    known = {int(cube["cube_id"]): cube.get("split") in (None, split) or split is None for cube in listed}
    cubes = {*rows[chosen].tolist(), *(cube for cube, ours in known.items() if ours)} if has_ids else {0}
    others = {*rows.tolist(), *known} - cubes
    return Truth(table[chosen], path, frozenset(cubes), frozenset(others), bool(listed), has_ids)


def _read(path: Path, reading: Reading) -> Table:
    return read_catalogue(path, lambda table: has_position(table, reading), reading.table)


def _listed(meta: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The cubes that a truth table of this program lists in its meta data."""
    cubes = meta.get("cubes")
    if isinstance(cubes, list) and all(isinstance(cube, Mapping) and "cube_id" in cube for cube in cubes):
        return cubes
    return []


def _chosen(raw: Table, listed: Iterable[Any], split: str | None, path: Path) -> np.ndarray:
    """Which rows belong to the split."""
    if "split" not in raw.colnames:
        if split is not None:
            raise CubefocusError(f"{path}: has no column split to choose {split!r} by; leave --split out")
        return np.ones(len(raw), dtype=bool)
    own = np.array([str(value).strip() for value in raw["split"]], dtype=str)
    there = sorted({*own.tolist(), *(str(name) for name in listed if name is not None)})
    if split is None and len(there) > 1:
        raise CubefocusError(f"{path}: has the splits {', '.join(there)}; choose one, --split {there[0]}")
    if split is not None and split not in there:
        raise CubefocusError(f"{path}: has no split {split!r}, but {', '.join(there) or 'none at all'}")
    return own == split if split is not None else np.ones(len(raw), dtype=bool)


def _check_header(table: Table, path: Path, reading: Reading) -> None:
    """Compare where the header puts the true sources with where the table has them."""
    if reading.sky is None or not len(table):
        return
    if not has_columns(table, ("ra", "dec", "x", "y")):
        raise CubefocusError(f"{path}: has no ra, dec, x and y to check the header of --wcs with; leave --wcs out")
    x, y = reading.sky.pixels(reading.sky.directions(np.asarray(table["ra"]), np.asarray(table["dec"])))
    apart = np.nan_to_num(np.hypot(x - table["x"], y - table["y"]), nan=np.inf)
    if apart.max() > SAME_PLACE:
        raise CubefocusError(
            f"{path}: the header of --wcs puts its sources up to {apart.max():.3g} px from their x and y; give a cube "
            "of this field"
        )


def read_entry(path: Path, reading: Reading, truth: Truth) -> Table:
    """Read a catalogue, with the cubes of the truth.

    Returns
    -------
    astropy.table.Table
        As `standard_columns`, with cube_id. Rows in cubes of other splits are left out. Cubes that the truth table
        does not know count as cubes without sources, unless it lists all of its cubes.

    Raises
    ------
    CubefocusError
        If the table is unusable, does not say which cube a row is in, or is of other cubes.
    """
    table = standard_columns(_read(path, reading), path, reading, truth.channels)
    _tell_repeated(table, path)
    if "cube_id" not in table.colnames or not truth.has_ids:
        return _of_one_cube(table, path, truth)
    ids = np.asarray(table["cube_id"])
    if ids.size and not truth.cubes.intersection(ids.tolist()):
        raise _no_common_cube(path, ids, truth)
    elsewhere = np.isin(ids, [*truth.others])
    if elsewhere.any():
        logger.info("%s: %d detections in cubes of other splits are left out", path, elsewhere.sum())
    strangers = {*ids[~elsewhere].tolist()} - truth.cubes
    if strangers and truth.listed:
        raise CubefocusError(
            f"{path}: has detections in cube {min(strangers)}, which {truth.path} does not list; give the truth table "
            "of the same experiment"
        )
    if strangers:
        logger.warning("%s: %s has no source in cubes %s; all detections there are false", path, truth.path,
                       ", ".join(map(str, sorted(strangers))))  # fmt: skip
    return table[~elsewhere]


def _tell_repeated(table: Table, path: Path) -> None:
    """Tell of rows in the same place: at most one of them can match, the others are false detections."""
    names = [name for name in ("cube_id", "x", "y", *BOX, *LINE_RANGE) if name in table.colnames]
    if len(table) < 2 or not names:
        return
    values = np.column_stack([np.asarray(table[name], dtype=float) for name in names])
    repeated = len(table) - len(np.unique(values, axis=0))
    if repeated:
        logger.warning("%s: %d rows are in the place of another one and count as false detections", path, repeated)


def _no_common_cube(path: Path, ids: np.ndarray, truth: Truth) -> CubefocusError:
    """What to do about a catalogue whose cubes are none of the truth's."""
    head = (
        f"{path}: has cubes {_range(ids)}, none of which is among those scored ({_range(truth.cubes)} of {truth.path})"
    )
    if truth.others.intersection(ids.tolist()):
        return CubefocusError(f"{head}; they are of another split, give the right --split")
    if len(truth.cubes) == 1 == len(set(ids.tolist())):
        return CubefocusError(f"{head}; if it is the same cube, --ignore cubes")
    return CubefocusError(
        f"{head}; give the truth table of the same experiment, or number the cubes as it does in a column, --column "
        "cube_id=NAME"
    )


def _of_one_cube(table: Table, path: Path, truth: Truth) -> Table:
    if len(truth.cubes) != 1:
        raise CubefocusError(
            f"{path}: no column says which of the {len(truth.cubes)} cubes a row is in; add cube_id, or name its "
            "column, --column cube_id=NAME"
        )
    if "cube_id" in table.colnames and len(set(table["cube_id"])) > 1:
        raise CubefocusError(f"{path}: has cubes {_range(table['cube_id'])}, but {truth.path} does not number its own; "
                             "add cube_id to it, or name its column, --column truth:cube_id=NAME")  # fmt: skip
    table["cube_id"] = np.full(len(table), min(truth.cubes), dtype=np.int64)
    return table


def _range(ids: Iterable[int]) -> str:
    values = sorted(set(ids))
    return f"{values[0]} to {values[-1]}" if len(values) > 1 else ", ".join(map(str, values))
