"""The catalogue of sources and the table of all candidates, every column with unit and description."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from astropy import units as u
from astropy.constants import c as speed_of_light
from astropy.table import Column as TableColumn
from astropy.table import Table

from cubefocus.alma.rows import Key
from cubefocus.alma.searched import Searched
from cubefocus.cube.cube import Cube
from cubefocus.cube.scale import SIGMA_TO_FWHM
from cubefocus.tables.columns import BOX, LINE_RANGE, Column, define

KM_S = speed_of_light.to_value(u.km / u.s)
UNEVEN = 1e-6  # of a step: channels that differ by more are not evenly spaced in frequency

_FOR_REST = "for the given rest frequency, else that of the cube's header; NaN without one"
_FLUX = (
    "flux_line, as the network says it, and the continuum in box and line range: estimates the sum of the dirty voxels "
    "there; flag flux_disagrees where it is far off"
)
_ERROR = "standard error from the noise of the box-summed spectrum, without the network's own, which is larger"
_OWN = {
    "velocity": f"radio velocity of the line {_FOR_REST}",
    "redshift": f"redshift of the line {_FOR_REST}",
    "flux": _FLUX,
    "flux_err": _ERROR,
    "flux_line_err": _ERROR,
}  # of columns that mean something else, or more, here than in a table of true sources
COLUMNS = tuple(define(name, _OWN.get(name)) for name in (
    "cube_id", "source_id", "name", "x", "y", "ra", "dec", "z", "frequency", "velocity", "redshift", "sigma_x",
    "sigma_y", "fwhm_x", "fwhm_y", "sigma_x_arcsec", "sigma_y_arcsec", "fwhm_x_arcsec", "fwhm_y_arcsec", "pa", "x0",
    "y0", "x1", "y1", "z0", "z1", "fwhm_z", "fwhm_velocity", "flux", "flux_line", "continuum", "peak", "snr", "x_err",
    "y_err", "z_err", "frequency_err", "velocity_err", "redshift_err", "fwhm_z_err", "flux_err", "flux_line_err",
    "continuum_err", "probability", "n_peaks", "snr_integrated", "snr_focused", "flags",
))  # fmt: skip
CANDIDATE_COLUMNS = (
    define("cube_id", "cube that the candidate is in"),
    define("candidate_id"),
    define("parent_id"),
    define("source_id", "number in the catalogue; -1 if it was dropped"),
    *map(define, ("stage", "reason", "x", "y", "z", "sigma_x", "sigma_y", "pa", *BOX, *LINE_RANGE, "fwhm_z")),
    *map(define, ("blob_x0", "blob_y0", "blob_x1", "blob_y1")),
    *map(define, ("probability", "n_peaks", "snr_integrated", "snr_focused", "pixel_snr", "flags")),
)


def build_table(specs: Sequence[Column], rows: Sequence[dict[str, Any]]) -> Table:
    """Make a table with these columns, whatever the number of rows; floats that a row lacks are NaN."""
    columns: list[TableColumn] = []
    for spec in specs:
        values = [row.get(spec.name, math.nan) if spec.dtype is float else row[spec.name] for row in rows]
        # An empty array of str would become one of float without its type.
        dtype = "U1" if spec.dtype is str and not rows else spec.dtype
        columns.append(
            TableColumn(np.array(values, dtype=dtype), name=spec.name, unit=spec.unit, description=spec.description)
        )
    return Table(columns)


def catalogue_table(searched: Iterable[Searched], rest_frequency_ghz: float | None) -> Table:
    """Catalogue of the sources of a batch of cubes, one row each, ordered by cube and by SNR.

    Parameters
    ----------
    searched : iterable of Searched
        As they leave the last step of the chain.
    rest_frequency_ghz : float or None
        Of the line; gives velocities (radio convention) and redshifts. None: that of each cube's header.

    Returns
    -------
    Table
        All columns also when there is no source.
    """
    return build_table(COLUMNS, [row for one in searched for row in _source_rows(one, rest_frequency_ghz)])


def candidates_table(searched: Iterable[Searched]) -> Table:
    """All candidates of a batch of cubes, with the step that each reached and why it was dropped (`Reason`).

    Before the chain has ended the live ones are ``pending``, in the order of the rows of the last table: it then serves
    to cut out the products of the next step, whose functions take its box, line range, position and shape columns.
    """
    rows = []
    for one in searched:
        keys = one.keys
        ids = {key: number for number, key in enumerate(keys)}
        numbers = {source.key: number for number, source in enumerate(one.catalogued)}
        for key, row in zip(keys, _joined(one, keys), strict=True):
            parent = ids[key[0], 0] if key[1] else -1
            row |= {"candidate_id": ids[key], "parent_id": parent, "source_id": numbers.get(key, -1)}
            rows.append(row)
    return build_table(CANDIDATE_COLUMNS, rows)


def _joined(one: Searched, keys: Sequence[Key]) -> list[dict[str, Any]]:
    """All columns that the tables of the steps have for some candidates; stage and reason are those of the last."""
    rows = []
    for key, history in zip(keys, one.histories(keys), strict=True):
        row: dict[str, Any] = {"cube_id": one.cube_id}
        flags: set[str] = set()
        for step in history:
            row |= step.columns() | {"stage": str(step.stage), "reason": str(step.reason)}
            flags |= step.flags
        blob = one.blobs[key[0]].box
        row |= dict(zip(("blob_x0", "blob_y0", "blob_x1", "blob_y1"), blob, strict=True))
        rows.append(row | {"flags": ";".join(sorted(flags))})
    return rows


def rest_frequency_of(cube: Cube) -> float | None:
    """Rest frequency in GHz of the line that a header names; None if it names none.

    CASA writes the reference frequency of the band into RESTFRQ where it knows no line; it is not taken for one.
    """
    rest = cube.rest_frequency_hz
    if rest is None or (str(cube.header.get("CTYPE3", "")).startswith("FREQ") and rest == cube.header.get("CRVAL3")):
        return None
    return rest / 1e9


def _source_rows(one: Searched, rest_ghz: float | None) -> list[dict[str, Any]]:
    chosen, cube = one.catalogued, one.field.cube
    rest_ghz = rest_frequency_of(cube) if rest_ghz is None else rest_ghz
    ghz, cell = cube.frequencies_hz / 1e9, one.field.cell_arcsec
    rows = _joined(one, [source.key for source in chosen])
    places = on_the_sky(cube, [(source.shape.x, source.shape.y) for source in chosen])
    for number, (row, place) in enumerate(zip(rows, places, strict=True)):
        row |= {"source_id": number} | place
        for axis in ("x", "y"):
            row[f"fwhm_{axis}"] = SIGMA_TO_FWHM * row[f"sigma_{axis}"]
            for size in ("sigma", "fwhm"):
                row[f"{size}_{axis}_arcsec"] = row[f"{size}_{axis}"] * cell
        row |= spectral(ghz, row, rest_ghz)
    return rows


def on_the_sky(cube: Cube, centres: Sequence[tuple[float, float]]) -> list[dict[str, Any]]:
    """J2000 position and name of each place (x, y); NaN and no name if the header has no celestial axes."""
    if not centres or cube.wcs.naxis != 2:
        return [{"ra": math.nan, "dec": math.nan, "name": ""} for _ in centres]
    x, y = np.array(centres).T
    positions = cube.positions(x, y)
    pairs = zip(positions.ra.deg.tolist(), positions.dec.deg.tolist(), strict=True)
    return [{"ra": ra, "dec": dec, "name": iau_name(ra, dec)} for ra, dec in pairs]


def iau_name(ra: float, dec: float) -> str:
    """Name of a position (deg) in the IAU's style, ``CF JHHMMSS.ss+DDMMSS.s``; digits are cut off, as the IAU asks."""
    hundredths = math.floor(ra / 15.0 * 360000.0 + 1e-6)
    tenths = math.floor(abs(dec) * 36000.0 + 1e-6)
    sign = "-" if dec < 0 else "+"
    hours = f"{hundredths // 360000:02d}{hundredths // 6000 % 60:02d}{hundredths % 6000 / 100:05.2f}"
    return f"CF J{hours}{sign}{tenths // 36000:02d}{tenths // 600 % 60:02d}{tenths % 600 / 10:04.1f}"


def spectral(ghz: np.ndarray, row: dict[str, Any], rest_ghz: float | None) -> dict[str, Any]:
    """Frequency, velocity (radio convention), redshift, and their errors, given the frequency of each channel."""
    if len(ghz) == 1:  # an image has no line
        known = ("frequency", "fwhm_velocity", "velocity", "redshift")
        none = dict.fromkeys([f"{name}{end}" for name in known for end in ("", "_err")], math.nan)
        return none | {"frequency": float(ghz[0])}
    steps = np.diff(ghz)
    step = float(np.median(steps))
    if np.ptp(steps) > UNEVEN * abs(step):  # an axis even in velocity or wavelength: the step at the line counts
        step = float(np.interp(row["z"], np.arange(len(steps)) + 0.5, steps))
    # Beyond the band the axis goes on in its own steps: a line cut by the edge may have its centre outside.
    inside = float(np.interp(row["z"], np.arange(len(ghz)), ghz))
    frequency = inside + step * (row["z"] - min(max(row["z"], 0.0), len(ghz) - 1.0))
    width = abs(step)
    values = {"frequency": frequency, "frequency_err": row["z_err"] * width}
    for end in ("", "_err"):
        values[f"fwhm_velocity{end}"] = KM_S * row[f"fwhm_z{end}"] * width / frequency
    if rest_ghz is not None:
        values["velocity"] = KM_S * (1.0 - frequency / rest_ghz)
        values["velocity_err"] = KM_S * values["frequency_err"] / rest_ghz
        values["redshift"] = rest_ghz / frequency - 1.0
        values["redshift_err"] = values["frequency_err"] * rest_ghz / frequency**2
    return values
