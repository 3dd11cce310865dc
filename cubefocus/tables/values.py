"""Numbers of a table's columns, whatever they are written as: text, blanks, masked, sexagesimal, in any unit."""

from __future__ import annotations

import numpy as np
from astropy import units as u
from astropy.coordinates import Angle, SkyCoord
from astropy.table import Table

from cubefocus.cube.units import read_unit
from cubefocus.errors import CubefocusError
from cubefocus.tables.text import BLANKS

SPELLED: dict[str, u.UnitBase] = {
    **dict.fromkeys(("pixel", "pixels", "px", "pixel-size"), u.pix),
    **dict.fromkeys(("chan", "channel", "channels"), u.Unit("chan")),
    **dict.fromkeys(("asec", "arcseconds", '"'), u.arcsec),
    **dict.fromkeys(("hours", "hour", "hr", "h"), u.hourangle),
}
"""Units of columns that images do not have; theirs are those of `cubefocus.cube.repair.read_unit`."""


def unit_of(table: Table, name: str) -> u.UnitBase | None:
    """Unit of a column, None if it states none.

    Raises
    ------
    CubefocusError
        If it cannot be read.
    """
    own = getattr(table[name], "unit", None)
    if own is None or own == u.dimensionless_unscaled:
        return None
    try:
        return u.Unit(own.to_string())  # VOTable's reader makes a unit of its own of a word that it does not know
    except ValueError:
        return parse_unit(own.to_string().replace(" / ", "/"))


def parse_unit(text: str) -> u.UnitBase:
    """A unit by name, old and plain spellings included.

    Raises
    ------
    CubefocusError
        If it is none.
    """
    plain = text.strip().strip("'[]")
    if plain.lower() in SPELLED:
        return SPELLED[plain.lower()]
    try:
        return read_unit(plain)
    except CubefocusError as error:
        raise CubefocusError(f"the unit '{text}' cannot be read") from error


def numbers(table: Table, name: str) -> np.ndarray:
    """A column as float, NaN where it is masked or blank, shape (n,).

    Raises
    ------
    ValueError
        With the first value that is no number, or the column's if it has several a row.
    """
    column = np.ma.asarray(table[name])
    if column.dtype.kind in "OSU" and column.ndim == 1:
        return np.array([_number(text) for text in _texts(column)], dtype=float)
    if column.ndim != 1 or column.dtype.kind not in "iufb":
        raise ValueError(repr(column[0].tolist()) if len(column) else "nothing")
    return np.array(np.ma.filled(column.astype(float), np.nan))


def is_sexagesimal(table: Table, name: str) -> bool:
    """Whether a column has angles in text that are no plain numbers, such as 12:34:56.7."""
    column = np.ma.asarray(table[name])
    if column.dtype.kind not in "OSU" or column.ndim != 1:
        return False
    try:
        numbers(table, name)
    except ValueError:
        return True
    return False


def sexagesimal(table: Table, name: str, unit: u.UnitBase) -> np.ndarray:
    """Angles in text as degrees, NaN where blank; `unit` is that of their first part if the text has none.

    Raises
    ------
    ValueError
        With the first text that is no angle.
    """
    texts = _texts(np.ma.asarray(table[name]))
    values = np.full(len(texts), np.nan)
    for row, text in enumerate(texts):
        if text:
            try:
                values[row] = Angle(text, unit=unit).to_value(u.deg)
            except ValueError as error:
                raise ValueError(repr(text)) from error
    return values


def directions_column(table: Table) -> str | None:
    """Name of the first column of directions (astropy's SkyCoord) if there is one."""
    return next((name for name in table.colnames if isinstance(table[name], SkyCoord)), None)


def _texts(column: np.ma.MaskedArray) -> list[str]:
    """Texts without blanks around; empty where masked or a word for nothing."""
    mask = np.ma.getmaskarray(column)
    texts = ["" if hidden else value.decode() if isinstance(value, bytes) else str(value)
             for value, hidden in zip(column.data.tolist(), mask, strict=True)]  # fmt: skip
    return ["" if text.strip().lower() in BLANKS else text.strip() for text in texts]


def _number(text: str) -> float:
    try:
        return float(text) if text else np.nan
    except ValueError as error:
        raise ValueError(repr(text)) from error
