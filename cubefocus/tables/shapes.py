"""Sizes, angles and fluxes of any program's sources as standard deviations in pixels and angles from the +x axis.

Ours: sigma_x along the source's first axis, pa of that axis from +x, clockwise with y up. Other programs give a major
and a minor axis and the angle of the major one.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from astropy import units as u
from astropy.table import Table

from cubefocus.cube.scale import SIGMA_TO_FWHM
from cubefocus.errors import CubefocusError
from cubefocus.tables.foreign import ANGLES, COUNTER, NORTH, OURS, SHAPES, Shape, known_shape
from cubefocus.tables.matching import Matches
from cubefocus.tables.source import Source

Arrays = dict[str, np.ndarray]
OWN_SIZES = {"sigma_x": ("sigma_x", "fwhm_x"), "sigma_y": ("sigma_y", "fwhm_y")}


def parameters(source: Source, found: Mapping[str, np.ndarray], angle: str | None) -> tuple[Arrays, bool]:
    """Parameters sigma_x, sigma_y, pa and flux; those that cannot be turned into their units are told and left out.

    Parameters
    ----------
    source : Source
    found : mapping
        Centres x, y of the sources, which an angle on the sky needs.
    angle : str or None
        How the angle is measured, one of `cubefocus.tables.foreign.ANGLES`; by the columns if None.

    Returns
    -------
    dict, bool
        The arrays, and whether sigma_x and pa are of the major axis (as other programs have them).
    """
    shape = None if _own_sizes(source) or "pa" in source.asked else known_shape(source.table.colnames)
    values = _own(source) if shape is None else _axes(source, shape)
    turned, reference = _angle(source, shape, found, angle)
    if turned is not None:
        values["pa"] = turned
    if source.has("flux"):
        flux = source.in_unit("flux")
        values |= {} if flux is None else {"flux": flux}
    return values, shape is not None or (turned is not None and reference != OURS)


def _own_sizes(source: Source) -> bool:
    return any(source.has(name) for names in OWN_SIZES.values() for name in names)


def _own(source: Source) -> Arrays:
    found = {}
    for name, forms in OWN_SIZES.items():
        form = next((form for form in forms if source.has(form)), None)
        if form is None:
            continue
        values = source.size(source.names[form], form)
        if values is None:
            source.left_out(form, f"in {source.unit(form)}" + ("" if source.field else " without --wcs"))
        else:
            found[name] = values / SIGMA_TO_FWHM if form.startswith("fwhm") else values
    return found


def _axes(source: Source, shape: Shape) -> Arrays:
    """Axes of an ellipse by another program's columns, in pixels."""
    found: Arrays = {}
    for name, column in (("sigma_x", shape.major), ("sigma_y", shape.minor)):
        values = source.size(source.lower[column], name, shape.unit)
        stated = source.unit(name, source.lower[column])
        if values is None or (shape.unit is None and stated is None):
            why = "without a unit" if stated is None and shape.unit is None else "on the sky without --wcs"
            source.said.append(f"{shape.major}, {shape.minor} {why} are not compared")
            return {}
        found[name] = values * shape.to_sigma
    kind = "standard deviations" if shape.to_sigma == 1.0 else "FWHM"
    owner = f" ({shape.program})" if shape.program else ""
    source.said.append(f"{source.lower[shape.major]}, {source.lower[shape.minor]} are {kind} of the axes{owner}")
    return found


def _angle(
    source: Source, shape: Shape | None, found: Mapping[str, np.ndarray], angle: str | None
) -> tuple[np.ndarray | None, str]:
    """Angles from +x, clockwise, in degrees, and how they were measured; None if there are none."""
    column = source.lower[shape.angle] if shape is not None else source.names.get("pa") or _other_angle(source)
    if column is None:
        return None, OURS
    known = shape or _of_angle(column)
    reference = angle or (_of_pa(source, column) if known is None else known.reference)
    own = source.unit("pa", column) or u.Unit("deg" if known is None else known.angle_unit)
    if not own.is_equivalent(u.deg):
        source.said.append(f"{column} in {own} is not compared")
        return None, reference
    values = source.plain(column, "pa") * own.to(u.deg)
    if reference != OURS or shape is not None or column != "pa" or not _own_sizes(source):
        source.said.append(f"{column} is {ANGLES[reference]}{_by(source, reference)} (--angle)")
    if reference == OURS:
        return values, reference
    return _clockwise(source, values, found, reference) % 180.0, reference


def _other_angle(source: Source) -> str | None:
    """An angle of other programs without axes beside it."""
    known = [shape.angle for shape in SHAPES if shape.angle in source.lower and shape.angle != "theta"]
    return source.lower[known[0]] if known else None


def _of_angle(column: str) -> Shape | None:
    """What is known of an angle by its name alone; nothing of one that is ours or that several programs have."""
    return next((shape for shape in SHAPES if shape.angle == column.lower() and shape.angle != "pa"), None)


def _of_pa(source: Source, column: str) -> str:
    """How an angle is measured that only its name tells of: ours in pixels, from north beside directions on the sky."""
    return OURS if column == "pa" and (_own_sizes(source) or source.has("x", "y")) else NORTH


def _by(source: Source, reference: str) -> str:
    if reference != NORTH:
        return ""
    return ", north up and east left for want of --wcs" if source.field is None else f" by {source.field.path}"


def _clockwise(source: Source, values: np.ndarray, found: Mapping[str, np.ndarray], reference: str) -> np.ndarray:
    if reference == COUNTER:
        return -values
    if source.field is None:
        return 90.0 - values  # north is +y, east is -x
    if "x" not in found:
        raise CubefocusError(f"{source.path}: an angle from north needs x and y of each source; say which they are, "
                             "--column x=NAME")  # fmt: skip
    return source.field.clockwise(values, found["x"], found["y"])


def like_true(found: Table, true: Table, matches: Matches) -> Table:
    """Ellipses of other programs as the truth has them: each axis beside the true one, the angle within 90 deg.

    An ellipse is the same after half a turn, and after a quarter of one with its axes exchanged.

    Parameters
    ----------
    found, true : astropy.table.Table
        With pa and, as far as there are any, sigma_x and sigma_y and their errors.
    matches : Matches
        Their pairs; other rows stay as they are.

    Returns
    -------
    astropy.table.Table
    """
    both = ("sigma_x", "sigma_y")
    if "pa" not in found.colnames or "pa" not in true.colnames or not matches.tp:
        return found
    table, rows = found.copy(), matches.pred
    sizes = [np.asarray(found[name], dtype=float)[rows] if name in found.colnames else np.ones(rows.size)
             for name in both]  # fmt: skip
    angle = np.asarray(found["pa"], dtype=float)[rows]
    swapped = sizes[0] < sizes[1]
    major, minor = np.maximum(*sizes), np.minimum(*sizes)
    angle = angle + 90.0 * swapped
    first_is_minor = np.zeros(rows.size, dtype=bool)
    if set(both) <= set(true.colnames):
        first_is_minor = np.asarray(true["sigma_x"], dtype=float)[matches.true] < np.asarray(
            true["sigma_y"], dtype=float)[matches.true]  # fmt: skip
    angle = angle + 90.0 * first_is_minor
    wanted = np.asarray(true["pa"], dtype=float)[matches.true]
    table["pa"][rows] = angle + 180.0 * np.rint((wanted - angle) / 180.0)
    if set(both) <= set(found.colnames):
        table["sigma_x"][rows] = np.where(first_is_minor, minor, major)
        table["sigma_y"][rows] = np.where(first_is_minor, major, minor)
        table = _exchange_errors(table, rows[swapped != first_is_minor])
    return table


def _exchange_errors(table: Table, rows: np.ndarray) -> Table:
    """The errors of both sizes of some rows go with them."""
    both = ("sigma_x_err", "sigma_y_err")
    if set(both) <= set(table.colnames):
        first, second = (np.array(table[name])[rows] for name in both)
        table["sigma_x_err"][rows], table["sigma_y_err"][rows] = second, first
    return table
