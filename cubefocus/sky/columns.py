"""Columns of catalogues and truth tables: name, type, unit and meaning, in one place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.table import Column, MaskedColumn, Table

Source = dict[str, Any]
"""One row of a catalogue as plain values by column name; masked values are absent."""


@dataclass(frozen=True)
class ColumnInfo:
    """What a column holds.

    Attributes
    ----------
    name : str
    description : str
    unit : str or None
        As astropy reads it; None for a pure number.
    dtype : type
    kms_unit : str or None
        For a velocity in channels: unit of its twin ``<name>_kms`` in the truth table, in km/s.
    """

    name: str
    description: str
    unit: str | None = None
    dtype: type = float
    kms_unit: str | None = None


PA_CONVENTION = "from the +x pixel axis, clockwise as seen with y up"

CATALOGUE = (
    ColumnInfo("cube_id", "number of the cube within the experiment", dtype=int),
    ColumnInfo("split", "train, validation or test", dtype=str),
    ColumnInfo("source_id", "number of the source within its cube, 0 is the central one", dtype=int),
    ColumnInfo("is_central", "whether the source is the one at the phase centre", dtype=bool),
    ColumnInfo("type", "sky type", dtype=str),
    ColumnInfo("x", "true centre, 0-based, a pixel's centre is whole", "pix"),
    ColumnInfo("y", "true centre, 0-based, a pixel's centre is whole", "pix"),
    ColumnInfo("z", "centre of the (strongest) line, 0-based channel", "chan"),
    ColumnInfo("sigma_x", "standard deviation along the source's first axis (not a FWHM)", "pix"),
    ColumnInfo("sigma_y", "standard deviation along the source's second axis (not a FWHM)", "pix"),
    ColumnInfo("pa", f"angle of the sigma_x axis {PA_CONVENTION}", "deg"),
    ColumnInfo(
        "amplitude", "continuum at the source's peak in channel 0, before scaling to the observation's inbright"
    ),
    ColumnInfo("line_amplitude", "peak of the line over the continuum; negative in absorption"),
    ColumnInfo("fwhm_z", "full width at half maximum of the (strongest) line", "chan"),
    ColumnInfo("spectral_index", "s in continuum = amplitude (nu_0 / nu)^s, nu_0 the frequency of channel 0"),
    ColumnInfo(
        "snr_target", "signal-to-noise ratio asked for the central source in the integrated image; masked if none"
    ),
    ColumnInfo("noise_seed", "seed of this cube's noise", dtype=int),
)

MEASURED = (
    ColumnInfo("ra", "right ascension of the true centre, in the frame of the observation", "deg"),
    ColumnInfo("dec", "declination of the true centre, in the frame of the observation", "deg"),
    ColumnInfo("frequency", "frequency of the line centre z", "GHz"),
    ColumnInfo("fwhm_x", "full width at half maximum along the first axis, 2.35482 sigma_x", "pix"),
    ColumnInfo("fwhm_y", "full width at half maximum along the second axis, 2.35482 sigma_y", "pix"),
    ColumnInfo("x0", "first column of the true box", "pix", int),
    ColumnInfo("y0", "first row of the true box", "pix", int),
    ColumnInfo("x1", "column after the last one of the true box", "pix", int),
    ColumnInfo("y1", "row after the last one of the true box", "pix", int),
    ColumnInfo("z0", "begin of the line range, z - fwhm_z", "chan"),
    ColumnInfo("z1", "end of the line range, z + fwhm_z", "chan"),
    ColumnInfo("n_voxels", "voxels in box and line range that hold a number in the dirty cube", dtype=int),
    ColumnInfo("flux", "sum of the dirty cube over box and line range", "Jy/beam"),
    ColumnInfo("flux_line", "flux less the continuum of its voxels: flux - n_voxels continuum; flux if that is NaN",
               "Jy/beam"),
    ColumnInfo("continuum", "mean of the dirty cube over the box outside the line range; NaN if nothing is outside",
               "Jy/beam"),
    ColumnInfo("peak", "brightest voxel of the dirty cube in box and line range", "Jy/beam"),
    ColumnInfo("snr", "peak over the noise rms of a channel (thermal and white)"),
    ColumnInfo("snr_image", "brightest pixel of the integrated dirty image in the box over the noise rms there"),
    ColumnInfo("line_flux_jykms", "velocity-integrated line flux of the sky model", "Jy km / s"),
    ColumnInfo("continuum_mjy", "continuum flux density of the sky model at the frequency of the line centre", "mJy"),
    ColumnInfo("blendness", "largest IoU of the true box with another one of the cube (MNRAS Eq. 22)"),
    ColumnInfo("thermal_rms", "rms of the thermal noise in a channel", "Jy/beam"),
    ColumnInfo("white_rms", "rms of the added white noise in a voxel", "Jy/beam"),
)  # fmt: skip


def make_table(sources: Sequence[Mapping[str, Any]], columns: Iterable[ColumnInfo]) -> Table:
    """Make a table from one mapping a row; a value that a row does not have is masked.

    Parameters
    ----------
    sources : sequence of mapping
        Values by column name; names without a column are left out.
    columns : iterable of ColumnInfo
        Order, units and descriptions of the columns.
    """
    return Table([make_column([source.get(info.name) for source in sources], info) for info in columns])


def make_column(values: Sequence[Any], info: ColumnInfo) -> Column:
    """Make a column with its unit and description; None becomes a masked value."""
    mask = [value is None for value in values]
    filled = [info.dtype() if hidden else value for value, hidden in zip(values, mask, strict=True)]
    data: np.ndarray = np.array(filled, dtype=info.dtype) if filled else np.zeros(0, dtype=info.dtype)
    meaning = {"name": info.name, "unit": info.unit, "description": info.description}
    return MaskedColumn(data, mask=mask, **meaning) if any(mask) else Column(data, **meaning)


def as_sources(rows: Table) -> list[Source]:
    """Turn the rows of a table into plain mappings without their masked values."""
    values = {name: rows[name].tolist() for name in rows.colnames}
    listed = (dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True))
    return [{name: value for name, value in source.items() if value is not None} for source in listed]
