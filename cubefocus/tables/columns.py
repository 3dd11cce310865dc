"""Columns of catalogues as plain arrays: masked entries become NaN, units are converted, absent names are told."""

from __future__ import annotations

import numpy as np
from astropy import units as u
from astropy.table import Table

from cubefocus.errors import CubefocusError

BOX = ("x0", "y0", "x1", "y1")
LINE_RANGE = ("z0", "z1")


def column(table: Table, name: str, unit: str | None = None, default_unit: str | None = None) -> np.ndarray:
    """One column as float, NaN where it is masked.

    Parameters
    ----------
    table : astropy.table.Table
    name : str
    unit : str, optional
        Unit wanted; no conversion if None.
    default_unit : str, optional
        Unit of the column if it carries none; `unit` if None.

    Returns
    -------
    ndarray of float64, shape (n,)
        Empty for a table without rows, whatever its columns.

    Raises
    ------
    CubefocusError
        If a table with rows has no such column.
    """
    if len(table) == 0:
        return np.empty(0)
    if name not in table.colnames:
        there = ", ".join(table.colnames)
        raise CubefocusError(f"the catalogue has no column {name!r} (it has {there}); make it again")
    values: np.ndarray = np.ma.filled(np.ma.asarray(table[name], dtype=float), np.nan)
    if unit is None:
        return np.array(values)
    own = table[name].unit or u.Unit(default_unit or unit)
    return np.array(values) * own.to(u.Unit(unit))


def columns(table: Table, names: tuple[str, ...]) -> np.ndarray:
    """Several columns side by side, shape (n, len(names)), float64."""
    return np.column_stack([column(table, name) for name in names]).reshape(len(table), len(names))


def has_columns(table: Table, names: tuple[str, ...]) -> bool:
    """Whether a table has all of these columns."""
    return all(name in table.colnames for name in names)


def cube_ids(table: Table) -> np.ndarray:
    """Cube id of each row, int64, shape (n,)."""
    return column(table, "cube_id").astype(np.int64)


def centres(table: Table) -> np.ndarray:
    """Centres (x, y) in pixels, shape (n, 2): those of the boxes, or the columns x, y of a table without boxes.

    A half-open box (x0, x1) covers the pixel centres x0 ... x1 - 1, so its centre is (x0 + x1 - 1) / 2.
    """
    if len(table) and not has_columns(table, BOX):
        return columns(table, ("x", "y"))
    boxes = columns(table, BOX)
    return (boxes[:, :2] + boxes[:, 2:] - 1.0) / 2.0
