"""Any program's table in the columns that the evaluation reads, and what had to be assumed for it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from astropy.table import Table

from cubefocus.errors import CubefocusError
from cubefocus.tables.columns import BOX
from cubefocus.tables.field import Field
from cubefocus.tables.places import box, centres, line
from cubefocus.tables.shapes import parameters
from cubefocus.tables.source import Source, finite_rows

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reading:
    """How one table is read; what is not said follows from its columns, by `cubefocus.tables.foreign`.

    Attributes
    ----------
    columns : mapping from name (one of `cubefocus.tables.foreign.TARGETS`) to column
    origin : int or None
        Number of the first pixel and of the first channel, 0 or 1.
    sky : Field or None
        Turns directions, sizes and angles on the sky into pixels.
    units : mapping from name to unit
        In place of what the file states.
    angle : str or None
        How its angle is measured, among `cubefocus.tables.foreign.ANGLES`.
    table : str or None
        Name of the table in its file.
    ignored : tuple of str
        What is not read though the table has it, among ``boxes``, ``lines`` and ``cubes``.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    origin: int | None = None
    sky: Field | None = None
    units: Mapping[str, str] = field(default_factory=dict)
    angle: str | None = None
    table: str | None = None
    ignored: tuple[str, ...] = ()


def has_position(table: Table, reading: Reading) -> bool:
    """Whether a table says where its sources are: by pixels, boxes or directions."""
    source = Source(table, "", reading.columns, reading.units, reading.origin, reading.sky)
    pairs = (("x", "y"), BOX, ("x_min", "y_min", "x_max", "y_max"), ("ra", "dec"), ("glon", "glat"))
    return source.sky_column is not None or any(source.has(*pair) for pair in pairs)


def standard_columns(
    table: Table, path: str | Path, reading: Reading, channels: tuple[float, float] | None = None, whole: bool = False
) -> Table:
    """Bring a table to the columns that matching and parameter tables read.

    Parameters
    ----------
    table : astropy.table.Table
        Any program's.
    path : str or Path
        Its file, for messages.
    reading : Reading
    channels : (float, float), optional
        Lowest and highest channel of the true lines; a column z that cannot be of them is left out, and told.
    whole : bool
        Refuse rows without a position in place of leaving them out.

    Returns
    -------
    astropy.table.Table
        As far as the table has them: cube_id; x y, 0-based; half-open boxes x0 y0 x1 y1, from x0 ..., from the first
        and last pixel x_min ... x_max, or from centre, width and height; line ranges z0 z1, from z0 z1, from the first
        and last channel z_min z_max (from edge to edge, -+ 0.5), or z -+ fwhm_z; z, sigma_x, sigma_y (also from
        fwhm_x, fwhm_y), pa (deg), flux (Jy/beam), and, if there is a header, ra and dec (deg).
        ``meta["ellipses"]`` says whether sigma_x is the major axis (other programs) or the source's first (ours).

    Raises
    ------
    CubefocusError
        If a column asked for is absent, is no number or in a unit that is none of pixels, a box or range is empty,
        directions are not in the header's image, or there is neither a position nor a box.
    """
    source = Source(table, path, reading.columns, reading.units, reading.origin, reading.sky)
    found = centres(source)
    if "x" not in found or "boxes" not in reading.ignored:
        found |= box(source, found)
    if not found.keys() & {"x", "x0"}:
        raise _no_position(source, table, path)
    known = finite_rows(found, ("x", "y")) | finite_rows(found, BOX)
    if "lines" not in reading.ignored:
        found |= line(source, channels)
    shapes, ellipses = parameters(source, found, reading.angle)
    found |= shapes
    if source.has("cube_id") and "cubes" not in reading.ignored:
        found["cube_id"] = _whole(source, known, path)
    source.tell(ours="provenance" in table.meta)
    return _rows(Table(found, meta={"ellipses": ellipses}), known, path, whole)


def _no_position(source: Source, table: Table, path: str | Path) -> CubefocusError:
    sky = source.has("ra", "dec") or source.has("glon", "glat") or source.sky_column is not None
    way = "; or give --wcs to use its directions" if sky else ""
    return CubefocusError(
        f"{path}: has neither x and y nor a box among its columns ({', '.join(table.colnames)}); say which they are, "
        f"--column x=NAME{way}"
    )


def _whole(source: Source, known: np.ndarray, path: str | Path) -> np.ndarray:
    """Numbers of the cubes, 0 where a row is left out anyway."""
    values = np.where(known, source.values("cube_id"), 0.0)
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        raise CubefocusError(f"{path}: row {bad[0] + 1} has no finite cube_id ({bad.size} such rows in all); remove or "
                             "repair them")  # fmt: skip
    if (values != np.rint(values)).any():
        raise CubefocusError(f"{path}: cube_id is {values[values != np.rint(values)][0]}; number the cubes")
    return values.astype(np.int64)


def _rows(found: Table, known: np.ndarray, path: str | Path, whole: bool) -> Table:
    """The rows that have a position; what others there are is told."""
    lost = np.flatnonzero(~known)
    if lost.size and whole:
        raise CubefocusError(f"{path}: row {lost[0] + 1} has no finite position ({lost.size} such rows in all); a true "
                             "source is somewhere")  # fmt: skip
    if lost.size:
        logger.warning("%s: %d of %d rows have no position and are left out", path, lost.size, len(known))
    kept = found[known]
    if "x0" in kept.colnames and (boxless := int((~finite_rows(kept, BOX)).sum())):
        logger.warning("%s: %d sources have no box and match none by it", path, boxless)
    return kept
