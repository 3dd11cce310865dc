"""Text tables of any hand: what separates their columns, where their names are, and in which encoding they are."""

from __future__ import annotations

import codecs
import gzip
import logging
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from astropy.table import Table

from cubefocus.errors import CubefocusError

logger = logging.getLogger(__name__)

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
COMMENTS = ("#", "%", "!")
BLANKS = ("", "-", "--", "---", "nan", "null", "none", "n/a", "na", "masked")  # compared in lower case
UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eEdD][+-]?\d+)?|[+-]?(nan|inf)", re.IGNORECASE)
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")


def read_lines(path: Path) -> list[str]:
    """Lines of a text file, plain or gzipped, without byte order mark and whatever ends its lines.

    Raises
    ------
    OSError, EOFError
        If the file cannot be read or is cut off.
    """
    data = path.read_bytes()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    if data.startswith(UTF16):
        text = data.decode("utf-16")
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode("latin-1")  # which has a character for every byte
    return re.split(r"\r\n|\r|\n", text)


def read_text_table(path: Path) -> Table:
    """Read a table whose columns are separated by commas, semicolons, tabs, bars or blanks.

    The first line that is no comment has the names of the columns; if it has numbers, the last comment before it has
    them. Columns of numbers with decimal commas become numbers, blank cells are masked.

    Raises
    ------
    CubefocusError
        If the file is empty or has no names.
    ValueError
        If the rows do not fit the names.
    """
    lines = [line for line in read_lines(path) if line.strip()]
    rows = [line for line in lines if not line.lstrip().startswith(COMMENTS)]
    if not lines:
        raise CubefocusError(f"{path}: is empty; a catalogue without sources still has its line of column names")
    if rows and _numbers_only(rows[0], _separator(rows[0])):
        rows = [_names_above(path, lines, rows[0]), *rows]
    elif not rows:  # nothing but comments: the last one may be the names of a table without rows
        rows = [lines[-1].strip().lstrip("".join(COMMENTS)).strip()]
    separator = _separator(rows[0])
    if separator in (";", "\t", "|"):
        logger.info("%s: columns are separated by %s", path, SEPARATORS[separator])
    if separator is None:
        table = Table.read(rows, format="ascii.basic", guess=False, delimiter=r"\s", comment=None, fill_values=_fill())
    else:
        table = Table.read(rows, format="ascii.csv", guess=False, delimiter=separator, fill_values=_fill())
    _decimal_commas(table, path)
    return table


def _fill() -> list[tuple[str, str]]:
    return [(form, "0") for blank in BLANKS for form in dict.fromkeys((blank, blank.upper(), blank.title()))]


def _separator(line: str) -> str | None:
    """What separates the columns of a line; None for blanks, a comma where there is one column."""
    bare = re.sub(r'"[^"]*"', "", line)
    most = max(SEPARATORS, key=bare.count)
    if most in bare:
        return most
    return None if len(bare.split()) > 1 else ","


def _fields(line: str, separator: str | None) -> list[str]:
    return [field.strip().strip('"') for field in line.split(separator)]


def _numbers_only(line: str, separator: str | None) -> bool:
    fields = _fields(line, separator)
    return any(fields) and all(not field or _NUMBER.fullmatch(field) for field in fields)


def _names_above(path: Path, lines: Sequence[str], first: str) -> str:
    """The comment before the first row, if it names as many columns as the row has."""
    wanted = len(_fields(first, _separator(first)))
    above = list(lines[: lines.index(first)])
    if above:
        names = above[-1].strip().lstrip("".join(COMMENTS)).strip()
        if len(_fields(names, _separator(names))) == wanted:
            return (_separator(first) or " ").join(_fields(names, _separator(names)))
    raise CubefocusError(f"{path}: its first line ({first.strip()[:40]}) has numbers where the names of the columns "
                         "belong; add a line of names")  # fmt: skip


def _decimal_commas(table: Table, path: Path) -> None:
    for name in table.colnames:
        column = table[name]
        texts = [str(text).strip() for text in np.ma.compressed(np.ma.asarray(column))]
        if column.dtype.kind != "U" or not any(map(_DECIMAL_COMMA.fullmatch, texts)):
            continue
        if all(_DECIMAL_COMMA.fullmatch(text) or _NUMBER.fullmatch(text) for text in texts):
            mask = np.ma.getmaskarray(np.ma.asarray(column))
            numbers = [np.nan if hidden else float(str(text).replace(",", "."))
                       for text, hidden in zip(column, mask, strict=True)]  # fmt: skip
            table[name] = np.array(numbers)
            logger.info("%s: %s has decimal commas", path, name)
