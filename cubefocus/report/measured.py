"""The rows that a run measured, from the tables that it wrote; whatever rows and columns these have besides."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cubefocus.errors import CubefocusError
from cubefocus.find.run import NOT_RUN
from cubefocus.report.published import THIS_RUN
from cubefocus.report.render import MISSING

Key = tuple[str, ...]


@dataclass(frozen=True)
class Measured:
    """Rows of this run in one of its tables.

    Attributes
    ----------
    path : Path
        Of the CSV file, which need not be there.
    rows : dict of key to row
        The key has the values of the columns that name a row.
    """

    path: Path
    rows: Mapping[Key, Mapping[str, str]] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path, names: Mapping[str, str]) -> Measured:
        """Read a table.

        Parameters
        ----------
        path : Path
            Without the file there are no rows, and `lacks` says so.
        names : mapping of column to str
            Columns that name a row, with the value where a table has no such column; an empty one stands for none, and
            the table must have the column.

        Raises
        ------
        CubefocusError
            If the file is truncated or has not the columns of such a table.
        """
        if not path.is_file():
            return cls(path)
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        found: dict[Key, Mapping[str, str]] = {}
        for row in rows:
            if None in row or None in row.values():
                raise CubefocusError(f"{path}: a line has not as many values as the header; make the tables again")
            missing = [name for name in ("source", *names) if name not in row and not names.get(name)]
            if missing:
                raise CubefocusError(f"{path}: no column {missing[0]}; make the tables again")
            if row["source"] == THIS_RUN:
                found[tuple(row.get(name, default) for name, default in names.items())] = row
        return cls(path, found)

    def lacks(self, *key: str) -> str:
        """Why there are no figures of a row; empty if there are."""
        if not self.path.is_file():
            return f"has no {self.path.parent.name}/{self.path.name}"
        if key not in self.rows:
            return f"has no such row in {self.path.name}"
        note = self.note(*key)
        return note.partition(";")[0] if note.startswith(NOT_RUN) else ""

    def note(self, *key: str) -> str:
        """What the table says of a row."""
        return self.rows.get(key, {}).get("note", "")

    def text(self, key: Key, name: str) -> str:
        """An entry of a row as the table has it, empty without the row."""
        return self._of(key, name) if key in self.rows else ""

    def value(self, key: Key, name: str) -> float:
        """A figure of a row, NaN where the run has none.

        Raises
        ------
        CubefocusError
            If the table has no such column, or no number there.
        """
        if self.lacks(*key):
            return math.nan
        text = self._of(key, name)
        try:
            return float(text)
        except ValueError:
            raise CubefocusError(
                f"{self.path}: {text!r} in column {name} is no number; make the tables again"
            ) from None

    def shown(self, key: Key, name: str, form: str) -> str:
        """A figure as a text, with its interval in brackets if it has one; a dash where the run has none."""
        value = self.value(key, name)
        if not math.isfinite(value):
            return MISSING
        text = format(value, f"z{form}")  # z: a rounded -0.000 loses its sign
        if f"{name}_lo" in self.rows[key]:
            ends = [self.value(key, f"{name}{end}") for end in ("_lo", "_hi")]
            if all(map(math.isfinite, ends)):
                text += " [{}, {}]".format(*(format(end, f"z{form}") for end in ends))
        return text

    def _of(self, key: Key, name: str) -> str:
        if name not in self.rows[key]:
            raise CubefocusError(f"{self.path}: no column {name}; make the tables again")
        return self.rows[key][name]
