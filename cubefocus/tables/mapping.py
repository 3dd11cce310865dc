"""Columns of any program's catalogue as the evaluation reads them: names, pixel origin, boxes, line ranges."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.table import Table
from astropy.wcs import WCS

from cubefocus.cube.cutouts import SIGMA_TO_FWHM
from cubefocus.errors import CubefocusError
from cubefocus.tables.columns import BOX, LINE_RANGE

logger = logging.getLogger(__name__)


def _spelled(axis: str, *forms: str) -> tuple[str, ...]:
    return tuple(form.format(axis) for form in forms)


_CENTRE = ("{}", "{}cen", "{}_cen", "{}centre", "{}_centre", "{}center", "{}_center", "{}centroid", "{}_centroid",
           "{}pix", "{}_pix", "{}pos", "{}_pos", "{}posn", "{}_image")  # fmt: skip
_SIZE = ("{}", "box_{}", "bbox_{}")
# Accepted names of each column, in lower case, the first one that a table has; upper and lower case are the same.
SYNONYMS: dict[str, tuple[str, ...]] = {
    "cube_id": ("cube_id", "cube", "cubeid", "image_id", "field_id"),
    **{axis: _spelled(axis, *_CENTRE) for axis in "xy"},
    "ra": ("ra", "ra_deg", "raj2000", "ra_j2000", "alpha_j2000"),
    "dec": ("dec", "dec_deg", "dej2000", "decj2000", "dec_j2000", "delta_j2000"),
    **{f"{axis}{end}": (f"{axis}{end}",) for end in "01" for axis in "xy"},
    **{
        f"{axis}_{end}": _spelled(axis, f"{{}}_{end}", f"{{}}{end}", f"bbox_{{}}{end}", f"{{}}{end}_image")
        for end in ("min", "max")
        for axis in "xy"
    },
    "width": (*_spelled("width", *_SIZE), "w", "x_size", "size_x"),
    "height": (*_spelled("height", *_SIZE), "h", "y_size", "size_y"),
    "z": ("z", "zcen", "z_cen", "zpix", "z_pix", "channel", "chan"),
    "z0": ("z0",),
    "z1": ("z1",),
    "z_min": ("z_min", "zmin", "chan_min", "channel_min"),
    "z_max": ("z_max", "zmax", "chan_max", "channel_max"),
    "fwhm_z": ("fwhm_z",),
}
# Measured differently by different programs: taken by these very names only, or by an option.
OWN_NAMES = ("sigma_x", "sigma_y", "fwhm_x", "fwhm_y", "pa", "flux")
TARGETS = (*SYNONYMS, *OWN_NAMES)
BOX_FORMS = (BOX, ("x_min", "y_min", "x_max", "y_max"), ("width", "height"))
LINE_FORMS = (LINE_RANGE, ("z_min", "z_max"), ("z", "fwhm_z"))
PARAMETER_FORMS = {"z": ("z",), "sigma_x": ("sigma_x", "fwhm_x"), "sigma_y": ("sigma_y", "fwhm_y"), "pa": ("pa",),
                   "flux": ("flux",)}  # fmt: skip
UNITS = {"ra": u.deg, "dec": u.deg, "pa": u.deg, "flux": u.Jy / u.beam}  # all others are pixels or channels
ELSEWHERE = (u.deg, u.Hz, u.m / u.s, u.m)  # what is no pixel or channel


@dataclass(frozen=True)
class Reading:
    """How one table is read.

    Attributes
    ----------
    columns : mapping from name (one of `TARGETS`) to column
        What is not among them is found by `SYNONYMS`.
    origin : int
        Number of the first pixel and of the first channel, 0 or 1.
    wcs : astropy.wcs.WCS or None
        Two celestial axes; turns ra and dec into pixels where a table has no x and y.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    origin: int = 0
    wcs: WCS | None = None


def standard_columns(table: Table, path: str | Path, reading: Reading) -> Table:
    """Bring a table to the columns that matching and parameter tables read.

    Parameters
    ----------
    table : astropy.table.Table
        Any program's.
    path : str or Path
        Its file, for messages.
    reading : Reading

    Returns
    -------
    astropy.table.Table
        As far as the table has them: cube_id; x y, 0-based; half-open boxes x0 y0 x1 y1, from x0 ..., from the first
        and last pixel x_min ... x_max, or from centre, width and height; line ranges z0 z1, from z0 z1, from the first
        and last channel z_min z_max (from edge to edge, -+ 0.5), or z -+ fwhm_z; z, sigma_x, sigma_y (also from
        fwhm_x, fwhm_y), pa (deg), flux (Jy/beam), and, if there is a header, ra and dec (deg).

    Raises
    ------
    CubefocusError
        If a column asked for is absent, is no number or in a unit that is none of pixels, a position or box is not
        finite, a box or range is empty, or there is neither a position nor a box.
    """
    source = _Source(table, path, reading)
    found: dict[str, np.ndarray] = {}
    if source.has("cube_id"):
        found["cube_id"] = source.whole("cube_id")
    if source.has("ra", "dec") and reading.wcs is not None:
        found |= {name: source.converted(name) for name in ("ra", "dec")}
    found |= source.centres()
    found |= source.box(found)
    found |= source.line()
    if not found.keys() & {"x", "x0"}:
        way = "; or give --wcs to use ra and dec" if source.has("ra", "dec") else ""
        raise CubefocusError(
            f"{path}: has neither x and y nor a box among its columns ({', '.join(table.colnames)}); say which they "
            f"are, --column x=NAME{way}"
        )
    found |= source.parameters()
    source.tell()
    return Table(found)


class _Source:
    """A table, the names that its columns have in it, and its numbers in pixels counted from 0."""

    def __init__(self, table: Table, path: str | Path, reading: Reading) -> None:
        self.table, self.path, self.reading = table, path, reading
        lower = {name.lower(): name for name in reversed(table.colnames)}
        self.names: dict[str, str] = {}
        for target in TARGETS:
            if target in reading.columns:
                self.names[target] = self._asked(target)
            elif target in OWN_NAMES:
                self.names |= {target: target} if target in table.colnames else {}
            else:
                known = [lower[name] for name in SYNONYMS[target] if name in lower]
                self.names |= {target: known[0]} if known else {}

    def _asked(self, target: str) -> str:
        name = self.reading.columns[target]
        if name not in self.table.colnames:
            there = ", ".join(self.table.colnames)
            raise CubefocusError(f"{self.path}: has no column {name!r} to take {target} from; it has {there}")
        return name

    def has(self, *targets: str) -> bool:
        return all(target in self.names for target in targets)

    def tell(self) -> None:
        """Log which columns were taken under another name."""
        other = [f"{target} = {name}" for target, name in self.names.items() if target != name]
        if other:
            logger.info("%s: read %s", self.path, ", ".join(other))

    def values(self, target: str) -> np.ndarray:
        """Numbers of a column as they are, NaN where masked, shape (n,)."""
        column = self.table[self.names[target]]
        numbers: np.ndarray = np.empty(0)
        try:
            numbers = np.array(np.ma.filled(np.ma.asarray(column, dtype=float), np.nan))
        except (TypeError, ValueError):
            logger.debug("%s: %s cannot be read as numbers", self.path, target)
        if numbers.shape != (len(self.table),):
            raise CubefocusError(f"{self.path}: column {self.names[target]!r}, taken as {target}, does not hold one "
                                 f"number a row (but {column[0]!r}); name another, --column {target}=NAME")  # fmt: skip
        return numbers

    def pixels(self, target: str, origin: int | None = None) -> np.ndarray:
        """A column in pixels or channels, less the origin (that of the table if not given)."""
        if self.foreign(target):
            raise self._wrong_unit(target, "pixels (channels along z)")
        return self.values(target) - (self.reading.origin if origin is None else origin)

    def finite(self, target: str, values: np.ndarray) -> np.ndarray:
        bad = np.flatnonzero(~np.isfinite(values))
        if bad.size:
            raise CubefocusError(f"{self.path}: row {bad[0] + 1} has no finite {target} ({bad.size} such rows in all); "
                                 "remove or repair them")  # fmt: skip
        return values

    def whole(self, target: str) -> np.ndarray:
        values = self.finite(target, self.values(target))
        if (values != np.rint(values)).any():
            raise CubefocusError(f"{self.path}: {target} is {values[values != np.rint(values)][0]}; number the cubes")
        return values.astype(np.int64)

    def converted(self, target: str) -> np.ndarray:
        """A column in its unit of `UNITS`, in which it is if it states none."""
        if self.foreign(target):
            raise self._wrong_unit(target, str(UNITS[target]))
        own = self.table[self.names[target]].unit or UNITS[target]
        return self.values(target) * own.to(UNITS[target])

    def foreign(self, target: str) -> bool:
        """Whether a column is in a unit that is not and cannot be turned into the one wanted."""
        own = self.table[self.names[target]].unit
        if own is None:
            return False
        if target in UNITS:
            return not own.is_equivalent(UNITS[target])
        return any(own.is_equivalent(other) for other in ELSEWHERE)

    def _wrong_unit(self, target: str, wanted: str) -> CubefocusError:
        name = self.names[target]
        return CubefocusError(f"{self.path}: column {name!r}, taken as {target}, is in {self.table[name].unit}; give "
                              f"{wanted}, or name another, --column {target}=NAME")  # fmt: skip

    def centres(self) -> dict[str, np.ndarray]:
        if self.has("x", "y"):
            pair = [self.pixels(axis) for axis in "xy"]
        elif self.has("ra", "dec") and self.reading.wcs is not None:
            directions = (self.finite(name, self.converted(name)) for name in ("ra", "dec"))
            pair = self.reading.wcs.wcs_world2pix(*directions, 0)
        else:
            return {}
        return {axis: self.finite(axis, values) for axis, values in zip("xy", pair, strict=True)}

    def _form(self, forms: Sequence[tuple[str, ...]], shared: Iterable[str] = ()) -> tuple[str, ...] | None:
        """The form that the options ask for, else the first one of which the table has all columns."""
        for form in forms:
            asked = [name for name in form if name in self.reading.columns and name not in shared]
            if asked and not self.has(*form):
                lacking = next(name for name in form if not self.has(name))
                raise CubefocusError(f"{self.path}: {asked[0]} needs {lacking} beside it, --column {lacking}=NAME")
            if asked:
                return form
        return next((form for form in forms if self.has(*form)), None)

    def box(self, centres: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        form = self._form(BOX_FORMS if "x" in centres else BOX_FORMS[:2])
        if form is None:
            return {}
        if form == BOX_FORMS[2]:
            half = [self.pixels(name, 0) / 2.0 for name in form]
            middle = [centres["x"] + 0.5, centres["y"] + 0.5]  # a pixel reaches half a pixel to both sides
            corners = [m - h for m, h in zip(middle, half, strict=True)]
            corners += [m + h for m, h in zip(middle, half, strict=True)]
        else:
            corners = [self.pixels(name) for name in form]
            if form == BOX_FORMS[1]:
                corners[2:] = [last + 1.0 for last in corners[2:]]
        found = {name: self.finite(name, values) for name, values in zip(BOX, corners, strict=True)}
        for axis in "xy":
            self._ordered(found[f"{axis}0"], found[f"{axis}1"], f"box along {axis}")
        return found

    def line(self) -> dict[str, np.ndarray]:
        form = self._form(LINE_FORMS, shared=("z",))
        if form is None:
            return {}
        first, second = self.pixels(form[0]), self.pixels(form[1], 0 if form[1] == "fwhm_z" else None)
        if form == LINE_FORMS[1]:
            first, second = first - 0.5, second + 0.5
        elif form == LINE_FORMS[2]:
            first, second = first - second, first + second
        self._ordered(first, second, "line range")
        return {"z0": first, "z1": second}

    def _ordered(self, low: np.ndarray, high: np.ndarray, what: str) -> None:
        bad = np.flatnonzero(high <= low)
        if bad.size:
            row = bad[0]
            raise CubefocusError(f"{self.path}: row {row + 1} has an empty {what}, {low[row]:g} to {high[row]:g} "
                                 "(half-open, 0-based); check which columns are its ends")  # fmt: skip

    def parameters(self) -> dict[str, np.ndarray]:
        """Parameters in the evaluation's units; one in another unit is told and left out, unless an option names it."""
        found = {}
        for name, forms in PARAMETER_FORMS.items():
            form = next((form for form in forms if self.has(form)), None)
            if form is None:
                continue
            if self.foreign(form) and form not in self.reading.columns:
                unit = self.table[self.names[form]].unit
                logger.warning("%s: %s in %s cannot be compared and is left out", self.path, form, unit)
                continue
            values = self.converted(form) if form in UNITS else self.pixels(form, None if form == "z" else 0)
            found[name] = values / SIGMA_TO_FWHM if form.startswith("fwhm") else values
        return found
