"""A table of any program, column by column, as 0-based pixels and the evaluation's units."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.table import Table

from cubefocus.errors import CubefocusError
from cubefocus.tables.columns import COLUMNS
from cubefocus.tables.field import Field
from cubefocus.tables.foreign import NAMES, OWN_NAMES, TARGETS, Name
from cubefocus.tables.values import directions_column, numbers, parse_unit, unit_of

logger = logging.getLogger(__name__)

ELSEWHERE = (u.deg, u.Hz, u.m / u.s, u.m)  # what is no pixel or channel
UCDS = {COLUMNS[name].ucd: name for name in ("x", "y", "ra", "dec")}


class Source:
    """A table, the names that its columns have in it, and its numbers.

    Attributes
    ----------
    names : dict
        Column by what it is, one of `cubefocus.tables.foreign.TARGETS`.
    sky_column : str or None
        Column of directions (astropy's SkyCoord).
    said : list of str
        What was assumed, for `tell`.
    """

    def __init__(
        self,
        table: Table,
        path: str | Path,
        columns: Mapping[str, str],
        units: Mapping[str, str],
        origin: int | None,
        field: Field | None,
    ) -> None:
        self.table, self.path, self.field = table, path, field
        self.asked, self.units, self.origin = columns, units, origin
        self.lower = {name.lower().strip(): name for name in reversed(table.colnames)}
        self.names: dict[str, str] = {}
        self.meanings: dict[str, Name] = {}
        self.said: list[str] = []
        self.sky_column = directions_column(table)
        for target in TARGETS:
            self._find(target)
        self._find_by_ucd()

    def _find(self, target: str) -> None:
        if target in self.asked:
            name = self.asked[target]
            if name not in self.table.colnames:
                there = ", ".join(self.table.colnames)
                raise CubefocusError(f"{self.path}: has no column {name!r} to take {target} from; it has {there}")
            self.names[target] = name
            self.meanings[target] = next((known for known in NAMES.get(target, ()) if known.name == name.lower()),
                                         Name(name))  # fmt: skip
        elif target in OWN_NAMES:
            self.names |= {target: target} if target in self.table.colnames else {}
        else:
            known = [one for one in NAMES[target] if one.name in self.lower]
            if known:
                self.names[target], self.meanings[target] = self.lower[known[0].name], known[0]

    def _find_by_ucd(self) -> None:
        """Positions under a name that nobody knows, by what a VOTable says that they are."""
        for name in self.table.colnames:
            ucd = str((getattr(self.table[name], "meta", None) or {}).get("ucd", "")).lower()
            target = UCDS.get(ucd)
            if target is not None and target not in self.names and name not in self.names.values():
                self.names[target], self.meanings[target] = name, Name(name.lower())
                self.said.append(f"{target} is {name} by its UCD")

    def has(self, *targets: str) -> bool:
        """Whether the table has all of these columns."""
        return all(target in self.names for target in targets)

    def values(self, target: str) -> np.ndarray:
        """Numbers of a column as they are, NaN where masked or blank, shape (n,)."""
        return self.plain(self.names[target], target)

    def plain(self, name: str, target: str) -> np.ndarray:
        """As `values`, of any column."""
        try:
            return numbers(self.table, name)
        except ValueError as error:
            raise CubefocusError(f"{self.path}: column {name!r}, taken as {target}, does not hold one number a row "
                                 f"(but {error}); name another, --column {target}=NAME") from error  # fmt: skip

    def unit(self, target: str, name: str | None = None) -> u.UnitBase | None:
        """Unit that an option gives to a column, or that the column states."""
        if target in self.units:
            return parse_unit(self.units[target])
        name = self.names[target] if name is None else name
        try:
            return unit_of(self.table, name)
        except CubefocusError as error:
            raise CubefocusError(f"{self.path}: {error}, of column {name!r}; say it, --unit {target}=UNIT") from error

    def in_unit(self, target: str, assume: bool = True) -> np.ndarray | None:
        """A column in the unit of its definition; None, and told, if it is in one that cannot be turned into it."""
        wanted, own = u.Unit(COLUMNS[target].unit), self.unit(target)
        if own is None:
            if assume:
                self.said.append(f"{self.names[target]} has no unit and is taken as {wanted} (--unit {target}=UNIT)")
            return self.values(target)
        if not own.is_equivalent(wanted):
            self.left_out(target, f"in {own}")
            return None
        return self.values(target) * own.to(wanted)

    def left_out(self, target: str, why: str) -> None:
        """Tell that a column is not compared; refuse if an option asks for it."""
        if target in self.asked:
            raise CubefocusError(f"{self.path}: column {self.names[target]!r}, taken as {target}, is {why}; name "
                                 f"another, --column {target}=NAME")  # fmt: skip
        logger.warning("%s: %s %s cannot be compared and is left out", self.path, self.names[target], why)

    def pixels(self, target: str) -> np.ndarray:
        """A position in pixels or channels, counted from 0.

        Raises
        ------
        CubefocusError
            If it is in another unit.
        """
        own = self.unit(target)
        if own is not None and any(own.is_equivalent(other) for other in ELSEWHERE):
            raise CubefocusError(f"{self.path}: column {self.names[target]!r}, taken as {target}, is in {own}; give "
                                 f"pixels (channels along z), or name another, --column {target}=NAME")  # fmt: skip
        first = self.first(target)
        return self.values(target) - first

    def first(self, target: str) -> int:
        """Number of the first pixel or channel in a column."""
        return self.meanings[target].origin if self.origin is None and target in self.meanings else self.origin or 0

    def size(self, name: str, target: str, unit: str | None = None) -> np.ndarray | None:
        """A size in pixels; None if it is on the sky and there is no header of square pixels to turn it by.

        Parameters
        ----------
        name : str
            Of the column.
        target : str
            What it is taken as.
        unit : str, optional
            Where the file states none.
        """
        own = self.unit(target, name) or (None if unit is None else parse_unit(unit))
        values = self.plain(name, target)
        if own is None or not own.is_equivalent(u.deg):
            return values if own is None or not any(own.is_equivalent(other) for other in ELSEWHERE) else None
        scale = np.nan if self.field is None else self.field.pixel_arcsec()
        return None if np.isnan(scale) else values * own.to(u.arcsec) / scale

    def tell(self, ours: bool) -> None:
        """Log which columns were taken under another name, and what was assumed; nothing for a table of our own."""
        other = [f"{target} = {name}" for target, name in self.names.items() if target != name]
        programs = sorted({meaning.program for target, meaning in self.meanings.items() if meaning.program})
        parts = [f"read {', '.join(other)}" + (f" ({', '.join(programs)})" if programs else "")] if other else []
        firsts = {self.first(target) for target in self.names if target in NAMES and target[0] in "xy"}
        if firsts and not ours:
            parts.append(f"pixels count from {' and '.join(map(str, sorted(firsts)))} (--origin)")
        if parts or self.said:
            logger.info("%s: %s", self.path, "; ".join([*parts, *self.said]))


def finite_rows(found: Mapping[str, np.ndarray] | Table, names: Iterable[str]) -> np.ndarray:
    """Whether each row has a finite value in all of these columns; False if one of them is absent."""
    names, there = tuple(names), found.colnames if isinstance(found, Table) else list(found)
    if not set(names) <= set(there):
        return np.zeros(len(found) if isinstance(found, Table) else len(next(iter(found.values()))), dtype=bool)
    return np.logical_and.reduce([np.isfinite(np.asarray(found[name])) for name in names])
