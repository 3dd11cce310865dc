"""The catalogue of sources and the table of all candidates, every column with unit and description."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from astropy import units as u
from astropy.constants import c as speed_of_light
from astropy.table import Column, Table

from cubefocus.alma.candidate import Candidate, Field, Reason
from cubefocus.alma.morphology import fwhm

KM_S = speed_of_light.to_value(u.km / u.s)


class Spec(NamedTuple):
    """One column: name, type, unit, description."""

    name: str
    dtype: Any
    unit: str | None
    description: str


_STATED = "standard error; NaN where the parameter has none"
_FORMAL = "formal error of the fit to the cleaned spectrum, without the network's own, which is larger; NaN without fit"
COLUMNS = (
    Spec("cube_id", np.int64, None, "cube that the source is in"),
    Spec("source_id", np.int64, None, "number of the source in its cube, highest snr_focused first"),
    Spec("name", str, None, "IAU style name from the J2000 position"),
    Spec("x", float, "pix", "centre, 0-based, pixel centres at integers"),
    Spec("y", float, "pix", "centre, 0-based, pixel centres at integers"),
    Spec("ra", float, "deg", "right ascension, J2000 (frame of the cube)"),
    Spec("dec", float, "deg", "declination, J2000 (frame of the cube)"),
    Spec("z", float, "chan", "centre of the line, 0-based channel"),
    Spec("frequency", float, "GHz", "observed frequency of the line's centre"),
    Spec("velocity", float, "km / s", "radio velocity of the line for the given rest frequency; NaN without one"),
    Spec("redshift", float, None, "redshift of the line for the given rest frequency; NaN without one"),
    Spec("sigma_x", float, "pix", "standard deviation along the source's own first axis"),
    Spec("sigma_y", float, "pix", "standard deviation along the source's own second axis"),
    Spec("fwhm_x", float, "pix", "2.35482 sigma_x"),
    Spec("fwhm_y", float, "pix", "2.35482 sigma_y"),
    Spec("sigma_x_arcsec", float, "arcsec", "sigma_x on the sky"),
    Spec("sigma_y_arcsec", float, "arcsec", "sigma_y on the sky"),
    Spec("fwhm_x_arcsec", float, "arcsec", "fwhm_x on the sky"),
    Spec("fwhm_y_arcsec", float, "arcsec", "fwhm_y on the sky"),
    Spec("pa", float, "deg", "angle of the sigma_x axis from the +x pixel axis, clockwise with y up"),
    Spec("x0", np.int64, "pix", "box, first column"),
    Spec("y0", np.int64, "pix", "box, first row"),
    Spec("x1", np.int64, "pix", "box, first column behind it (half-open)"),
    Spec("y1", np.int64, "pix", "box, first row behind it (half-open)"),
    Spec("z0", float, "chan", "start of the line range, z - fwhm_z"),
    Spec("z1", float, "chan", "end of the line range, z + fwhm_z"),
    Spec("fwhm_z", float, "chan", "full width at half maximum of the line"),
    Spec("fwhm_velocity", float, "km / s", "full width at half maximum of the line"),
    Spec("flux", float, "Jy / beam", "sum of the dirty voxels in box and line range: flux_line and continuum"),
    Spec("flux_line", float, "Jy / beam", "the line's part of flux"),
    Spec("continuum", float, "Jy / beam", "mean of the voxels in the box outside the line range"),
    Spec("peak", float, "Jy / beam", "highest voxel in box and line range"),
    Spec("snr", float, None, "peak over the noise of a voxel"),
    Spec("x_err", float, "pix", f"{_STATED}; Condon (1997)"),
    Spec("y_err", float, "pix", f"{_STATED}; Condon (1997)"),
    Spec("z_err", float, "chan", _FORMAL),
    Spec("frequency_err", float, "GHz", f"{_STATED}; from z_err"),
    Spec("velocity_err", float, "km / s", f"{_STATED}; from z_err"),
    Spec("redshift_err", float, None, f"{_STATED}; from z_err"),
    Spec("fwhm_z_err", float, "chan", _FORMAL),
    Spec("flux_err", float, "Jy / beam", f"{_STATED}; noise of the box-summed spectrum"),
    Spec("flux_line_err", float, "Jy / beam", f"{_STATED}; noise of the box-summed spectrum"),
    Spec("continuum_err", float, "Jy / beam", f"{_STATED}; noise of the box-summed spectrum"),
    Spec("probability", float, None, "highest value of the probability map in the blob"),
    Spec("n_peaks", np.int64, None, "peaks in the cleaned spectrum of the blob"),
    Spec("snr_integrated", float, None, "Global SNR in the integrated image (MNRAS Eq. 17)"),
    Spec("snr_focused", float, None, "Global SNR in the focused image (MNRAS Eq. 17)"),
    Spec("flags", str, None, "what a user should know, separated by semicolons"),
)
_SHARED = ("cube_id", "x", "y", "z", "sigma_x", "sigma_y", "pa", "x0", "y0", "x1", "y1", "z0", "z1", "fwhm_z")
_BY_NAME = {spec.name: spec for spec in COLUMNS}
CANDIDATE_COLUMNS = (
    Spec("cube_id", np.int64, None, "cube that the candidate is in"),
    Spec("candidate_id", np.int64, None, "number of the candidate in its cube"),
    Spec("parent_id", np.int64, None, "candidate whose spectrum it is a further peak of; -1 for a blob of its own"),
    Spec("source_id", np.int64, None, "number in the catalogue; -1 if it was dropped"),
    Spec("stage", str, None, "last step it entered: blobs, spectra, focus, deblend, final"),
    Spec("reason", str, None, "kept, or why it was dropped"),
    *(_BY_NAME[name] for name in _SHARED[1:]),
    Spec("blob_x0", np.int64, "pix", "box of the blob before deblending, first column"),
    Spec("blob_y0", np.int64, "pix", "box of the blob before deblending, first row"),
    Spec("blob_x1", np.int64, "pix", "box of the blob before deblending, first column behind it"),
    Spec("blob_y1", np.int64, "pix", "box of the blob before deblending, first row behind it"),
    *(_BY_NAME[name] for name in ("probability", "n_peaks", "snr_integrated", "snr_focused")),
    Spec("pixel_snr", float, None, "SNR of the brightest pixel of a further peak (MNRAS Eq. 18); NaN for others"),
    _BY_NAME["flags"],
)


def build_table(specs: Sequence[Spec], rows: Sequence[dict[str, Any]]) -> Table:
    """Make a table with these columns, whatever the number of rows; floats that a row lacks are NaN."""
    columns: list[Column] = []
    for spec in specs:
        values = [row.get(spec.name, math.nan) if spec.dtype is float else row[spec.name] for row in rows]
        # An empty array of str would become one of float without its type.
        dtype = "U1" if spec.dtype is str and not rows else spec.dtype
        columns.append(
            Column(np.array(values, dtype=dtype), name=spec.name, unit=spec.unit, description=spec.description)
        )
    return Table(columns)


def catalogue_table(fields: Iterable[Field], rest_frequency_ghz: float | None) -> Table:
    """Catalogue of the sources of a batch of cubes, one row each, ordered by cube and by SNR.

    Parameters
    ----------
    fields : iterable of Field
        As they leave the last step of the chain.
    rest_frequency_ghz : float or None
        Of the line; gives velocities (radio convention) and redshifts.

    Returns
    -------
    Table
        All columns also when there is no source.
    """
    return build_table(COLUMNS, [row for field in fields for row in _source_rows(field, rest_frequency_ghz)])


def sources(field: Field) -> list[Candidate]:
    """Candidates that made it, highest focused SNR first."""
    kept = [candidate for candidate in field.candidates if candidate.reason is Reason.KEPT]
    return sorted(kept, key=lambda candidate: -candidate.snr_focused)


def candidates_table(fields: Iterable[Field]) -> Table:
    """All candidates of a batch of cubes, with the step that each reached and why it was dropped (`Reason`).

    Before the chain has ended the live ones are ``pending``: the table then serves to cut out the products of the next
    step, whose functions take its box, line range, position and shape columns.
    """
    rows = []
    for field in fields:
        numbers = {id(candidate): number for number, candidate in enumerate(sources(field))}
        ids = {id(candidate): number for number, candidate in enumerate(field.candidates)}
        for candidate in field.candidates:
            row = _common(field, candidate)
            row |= {"candidate_id": ids[id(candidate)], "parent_id": ids.get(id(candidate.parent), -1)}
            row |= {"source_id": numbers.get(id(candidate), -1), "stage": str(candidate.stage)}
            row |= dict(zip(("blob_x0", "blob_y0", "blob_x1", "blob_y1"), candidate.blob, strict=True))
            rows.append(row | {"reason": str(candidate.reason), "pixel_snr": candidate.pixel_snr})
    return build_table(CANDIDATE_COLUMNS, rows)


def _common(field: Field, candidate: Candidate) -> dict[str, Any]:
    line = candidate.line
    x, y = candidate.centre
    row: dict[str, Any] = {"cube_id": field.cube_id, "x": x, "y": y, "probability": candidate.probability}
    row |= dict(zip(("x0", "y0", "x1", "y1"), candidate.box, strict=True))
    row |= {"n_peaks": len(candidate.lines), "flags": ";".join(sorted(candidate.flags))}
    row |= {"snr_integrated": candidate.snr_integrated, "snr_focused": candidate.snr_focused}
    if line is not None:
        row |= {"z": line.z, "fwhm_z": line.fwhm, "z0": line.range[0], "z1": line.range[1]}
        row |= {"z_err": line.z_err, "fwhm_z_err": line.fwhm_err}
    return row | candidate.measured


def _source_rows(field: Field, rest_ghz: float | None) -> list[dict[str, Any]]:
    chosen = sources(field)
    ghz, cell = field.cube.frequencies_hz / 1e9, field.cell_arcsec
    rows = []
    for number, (candidate, place) in enumerate(zip(chosen, _on_the_sky(field, chosen), strict=True)):
        row = _common(field, candidate) | {"source_id": number} | place
        for axis in ("x", "y"):
            row[f"fwhm_{axis}"] = fwhm(row[f"sigma_{axis}"])
            for size in ("sigma", "fwhm"):
                row[f"{size}_{axis}_arcsec"] = row[f"{size}_{axis}"] * cell
        rows.append(row | _spectral(ghz, row, rest_ghz))
    return rows


def _on_the_sky(field: Field, chosen: Sequence[Candidate]) -> list[dict[str, Any]]:
    """J2000 position and name of each source; NaN and no name if the header has no celestial axes."""
    wcs = field.cube.wcs
    if not chosen or wcs.naxis != 2:
        return [{"ra": math.nan, "dec": math.nan, "name": ""} for _ in chosen]
    x, y = np.array([[one.measured["x"], one.measured["y"]] for one in chosen]).T
    positions = wcs.pixel_to_world(x, y)
    if positions.frame.name not in ("icrs", "fk5"):
        positions = positions.icrs
    pairs = zip(positions.ra.deg.tolist(), positions.dec.deg.tolist(), strict=True)
    return [{"ra": ra, "dec": dec, "name": iau_name(ra, dec)} for ra, dec in pairs]


def iau_name(ra: float, dec: float) -> str:
    """Name of a position (deg) in the IAU's style, ``CF JHHMMSS.ss+DDMMSS.s``; digits are cut off, as the IAU asks."""
    hundredths = math.floor(ra / 15.0 * 360000.0 + 1e-6)
    tenths = math.floor(abs(dec) * 36000.0 + 1e-6)
    sign = "-" if dec < 0 else "+"
    hours = f"{hundredths // 360000:02d}{hundredths // 6000 % 60:02d}{hundredths % 6000 / 100:05.2f}"
    return f"CF J{hours}{sign}{tenths // 36000:02d}{tenths // 600 % 60:02d}{tenths % 600 / 10:04.1f}"


def _spectral(ghz: np.ndarray, row: dict[str, Any], rest_ghz: float | None) -> dict[str, Any]:
    """Frequency, velocity (radio convention), redshift, and their errors, given the frequency of each channel."""
    step = float(np.median(np.diff(ghz)))
    # Beyond the band the axis goes on in its own steps: a line cut by the edge may have its centre outside.
    inside = float(np.interp(row["z"], np.arange(len(ghz)), ghz))
    frequency = inside + step * (row["z"] - min(max(row["z"], 0.0), len(ghz) - 1.0))
    width = abs(step)
    values = {"frequency": frequency, "frequency_err": row["z_err"] * width}
    values["fwhm_velocity"] = KM_S * row["fwhm_z"] * width / frequency
    if rest_ghz is not None:
        values["velocity"] = KM_S * (1.0 - frequency / rest_ghz)
        values["velocity_err"] = KM_S * values["frequency_err"] / rest_ghz
        values["redshift"] = rest_ghz / frequency - 1.0
        values["redshift_err"] = values["frequency_err"] * rest_ghz / frequency**2
    return values
