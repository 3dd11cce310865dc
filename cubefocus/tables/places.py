"""Where the sources of any program's table are: centres, boxes and line ranges, in 0-based pixels and channels."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from astropy import units as u
from astropy.coordinates import Galactic, SkyCoord

from cubefocus.errors import CubefocusError
from cubefocus.tables.columns import BOX, LINE_RANGE
from cubefocus.tables.field import EQUATORIAL, Field
from cubefocus.tables.source import ELSEWHERE, Source
from cubefocus.tables.values import is_sexagesimal, sexagesimal

logger = logging.getLogger(__name__)

BOX_FORMS = (BOX, ("x_min", "y_min", "x_max", "y_max"), ("width", "height"))
LINE_FORMS = (LINE_RANGE, ("z_min", "z_max"), ("z", "fwhm_z"))
TURNS = {"deg": 1.0, "hourangle": 15.0, "rad": 180.0 / np.pi}
Arrays = dict[str, np.ndarray]


def centres(source: Source) -> Arrays:
    """Centres x, y in pixels, and the directions ra, dec (deg) that they are of, or that are beside them."""
    field = source.field
    sky = None if field is None else _directions(source, field)
    found: Arrays = {}
    if sky is not None:
        plain = sky if sky.frame.name in EQUATORIAL else sky.icrs
        found = {"ra": plain.ra.to_value(u.deg), "dec": plain.dec.to_value(u.deg)}
    if source.has("x", "y"):
        found |= {axis: source.pixels(axis) for axis in "xy"}
    elif sky is not None and field is not None:
        x, y = field.pixels(sky)
        _check_inside(source, field, np.isfinite(found["ra"]), field.inside(x, y))
        found |= {"x": x, "y": y}
    return found


def _directions(source: Source, field: Field) -> SkyCoord | None:
    """Directions of the sources, by right ascension and declination, a SkyCoord, or galactic coordinates."""
    if source.has("ra", "dec"):
        return field.directions(*(_degrees(source, name) for name in ("ra", "dec")))
    if source.sky_column is not None:
        sky: SkyCoord = source.table[source.sky_column]
        source.said.append(f"directions are {source.sky_column}, {sky.frame.name}")
        return sky
    if source.has("glon", "glat"):
        longitude, latitude = (_degrees(source, name) for name in ("glon", "glat"))
        return SkyCoord(longitude * u.deg, latitude * u.deg, frame=Galactic())
    return None


def _degrees(source: Source, target: str) -> np.ndarray:
    """A column of angles as degrees: text as hours (ra) or degrees, numbers by their unit or as degrees."""
    name, own = source.names[target], _angle_unit(source, target)
    if is_sexagesimal(source.table, name):
        part = own or (u.hourangle if target == "ra" else u.deg)
        try:
            values = sexagesimal(source.table, name, part)
        except ValueError as error:
            raise CubefocusError(f"{source.path}: column {name!r}, taken as {target}, has {error}, which is no angle; "
                                 f"name another, --column {target}=NAME") from error  # fmt: skip
        source.said.append(f"{name} is text in {'hours' if part == u.hourangle else 'degrees'}, minutes, seconds")
        return values
    values = source.values(target) * (1.0 if own is None else float(own.to(u.deg)))
    most = np.nanmax(np.abs(values), initial=0.0)
    if target in ("dec", "glat") and most > 90.0:
        raise CubefocusError(f"{source.path}: column {name!r}, taken as {target}, reaches {most:g} deg; say its unit, "
                             f"--unit {target}=UNIT, or name another")  # fmt: skip
    return values


def _angle_unit(source: Source, target: str) -> u.UnitBase | None:
    if is_sexagesimal(source.table, source.names[target]) and target not in source.units:
        stated = getattr(source.table[source.names[target]], "unit", None)
        if stated is None or isinstance(stated, u.UnrecognizedUnit):  # VizieR's "h:m:s" says what the text shows
            return None
    own = source.unit(target)
    if own is not None and own.is_equivalent(u.s) and target == "ra":
        return u.Unit(own.to(u.hour) * u.hourangle)
    if own is not None and not own.is_equivalent(u.deg):
        raise CubefocusError(f"{source.path}: column {source.names[target]!r}, taken as {target}, is in {own}; give "
                             f"deg, or name another, --column {target}=NAME")  # fmt: skip
    return own


def _check_inside(source: Source, field: Field, known: np.ndarray, inside: np.ndarray) -> None:
    """Refuse directions none of which is in the header's image, and say in which unit they would be."""
    outside = int((known & ~inside).sum())
    if inside.any() and outside:
        logger.warning("%s: %d of %d sources are outside the image of %s", source.path, outside, known.sum(),
                       field.path)  # fmt: skip
    if inside.any() or not outside:
        return
    if source.has("ra", "dec") and not any(is_sexagesimal(source.table, source.names[name]) for name in ("ra", "dec")):
        for unit, turn in TURNS.items():
            if field.inside(*_as_if(source, field, unit, turn)).any():
                raise CubefocusError(
                    f"{source.path}: {source.names['ra']} in {source.unit('ra') or u.deg} puts no source into the "
                    f"image of {field.path}, in {unit} it does; say so, --unit ra={unit}"
                    + (" --unit dec=rad" if unit == "rad" else "")
                )
    raise CubefocusError(f"{source.path}: none of its {known.sum()} directions is in the image of {field.path}; give a "
                         "cube of this field, or say their unit, --unit ra=UNIT")  # fmt: skip


def _as_if(source: Source, field: Field, unit: str, turn: float) -> tuple[np.ndarray, np.ndarray]:
    """Pixels if right ascension were in this unit (and declination in radians with it)."""
    ra, dec = source.values("ra") * turn, source.values("dec") * (turn if unit == "rad" else 1.0)
    return field.pixels(field.directions(ra, np.where(np.abs(dec) <= 90.0, dec, np.nan)))


def _form(source: Source, forms: Sequence[tuple[str, ...]], shared: Iterable[str] = ()) -> tuple[str, ...] | None:
    """The form that the options ask for, else the first one of which the table has all columns."""
    for form in forms:
        asked = [name for name in form if name in source.asked and name not in shared]
        if asked and not source.has(*form):
            lacking = next(name for name in form if not source.has(name))
            raise CubefocusError(f"{source.path}: {asked[0]} needs {lacking} beside it, --column {lacking}=NAME")
        if asked:
            return form
    return next((form for form in forms if source.has(*form)), None)


def box(source: Source, found: Mapping[str, np.ndarray]) -> Arrays:
    """Half-open boxes x0 y0 x1 y1, NaN where a cell is blank."""
    form = _form(source, BOX_FORMS if "x" in found else BOX_FORMS[:2])
    if form is None:
        return {}
    if form == BOX_FORMS[2]:
        half = [_side(source, name) / 2.0 for name in form]
        middle = [found["x"] + 0.5, found["y"] + 0.5]  # a pixel reaches half a pixel to both sides
        corners = [m - h for m, h in zip(middle, half, strict=True)]
        corners += [m + h for m, h in zip(middle, half, strict=True)]
    else:
        corners = [source.pixels(name) for name in form]
        if form == BOX_FORMS[1]:
            corners[2:] = [last + 1.0 for last in corners[2:]]
    corners_by_name = dict(zip(BOX, corners, strict=True))
    for axis in "xy":
        _ordered(source, corners_by_name[f"{axis}0"], corners_by_name[f"{axis}1"], f"box along {axis}")
    return corners_by_name


def _side(source: Source, target: str) -> np.ndarray:
    """Width or height in pixels; refused in a unit that is not known, which a side below a pixel tells."""
    name, own = source.names[target], source.unit(target)
    values = source.size(name, target)
    if values is None:
        raise CubefocusError(f"{source.path}: column {name!r}, taken as {target}, is in {own}; give pixels, or --wcs "
                             "for sizes on the sky, or leave the boxes out, --ignore boxes")  # fmt: skip
    if own is None and (values < 1.0).any():
        raise CubefocusError(f"{source.path}: column {name!r}, taken as {target}, states no unit and has "
                             f"{np.nanmin(values):g}, less than a pixel; say its unit, "
                             f"--unit {target}=arcsec")  # fmt: skip
    if own is None:
        source.said.append(f"{name} has no unit and is taken as pixels (--unit {target}=UNIT)")
    return values


def line(source: Source, channels: tuple[float, float] | None) -> Arrays:
    """Centres z and line ranges z0 z1 in channels, as far as there are any that can be channels."""
    if source.has("z") and (why := _no_channel(source, channels)):
        source.left_out("z", why)
        del source.names["z"]
    found = {"z": source.pixels("z")} if source.has("z") else {}
    form = _form(source, LINE_FORMS, shared=("z",))
    if form is None:
        return found
    first, second = source.pixels(form[0]), source.values(form[1]) if form[1] == "fwhm_z" else source.pixels(form[1])
    if form == LINE_FORMS[1]:
        first, second = first - 0.5, second + 0.5
    elif form == LINE_FORMS[2]:
        first, second = first - second, first + second
    _ordered(source, first, second, "line range")
    return found | {"z0": first, "z1": second}


def _no_channel(source: Source, channels: tuple[float, float] | None) -> str:
    """Why a column z is not of channels; empty if it can be."""
    column, own = source.table[source.names["z"]], source.unit("z")
    if own is not None and any(own.is_equivalent(other) for other in ELSEWHERE):
        return f"in {own}"
    told = f"{(column.meta or {}).get('ucd', '')} {column.description or ''}".lower()
    if any(word in told for word in ("redshift", "dopplerveloc", "velocity")):
        return f"described as {told.strip()!r}"
    values = source.pixels("z")
    values = values[np.isfinite(values)]
    if channels is None or not values.size or "z" in source.asked:
        return ""
    low, high = channels
    shown = f"of {values.min():g} to {values.max():g}"
    if (values < 1.0).all() and (low >= 1.0 or (len(values) > 1 and high > 2.0)):
        return f"{shown}, a redshift and no channel,"
    reach = 0.5 * (high - low) + 5.0
    if ((values < low - reach) | (values > high + reach)).all():
        return f"{shown}, far from the channels of the true lines ({low:g} to {high:g}),"
    return ""


def _ordered(source: Source, low: np.ndarray, high: np.ndarray, what: str) -> None:
    bad = np.flatnonzero(high <= low)
    if bad.size:
        row = bad[0]
        raise CubefocusError(f"{source.path}: row {row + 1} has an empty {what}, {low[row]:g} to {high[row]:g} "
                             "(half-open, 0-based); check which columns are its ends")  # fmt: skip
