"""Columns of the sky's catalogue and of truth tables, and tables made of rows of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from astropy.table import Column as TableColumn
from astropy.table import MaskedColumn, Table

from cubefocus.tables.columns import PA_CONVENTION, Column, define

Source = dict[str, Any]
"""One row of a catalogue as plain values by column name; masked values are absent."""

CATALOGUE = (
    define("cube_id", "number of the cube within the experiment"),
    define("split"),
    define("source_id", "number of the source within its cube, 0 is the central one"),
    define("is_central"),
    define("type"),
    define("x", "true centre, 0-based, a pixel's centre is whole"),
    define("y", "true centre, 0-based, a pixel's centre is whole"),
    define("z", "centre of the (strongest) line, 0-based channel"),
    define("sigma_x", "standard deviation along the source's first axis (not a FWHM)"),
    define("sigma_y", "standard deviation along the source's second axis (not a FWHM)"),
    define("pa", f"angle of the sigma_x axis {PA_CONVENTION}"),
    define("amplitude"),
    define("line_amplitude"),
    define("fwhm_z", "full width at half maximum of the (strongest) line"),
    define("spectral_index"),
    define("snr_target"),
    define("noise_seed"),
)

MEASURED = (
    define("ra", "right ascension of the true centre, in the frame of the observation"),
    define("dec", "declination of the true centre, in the frame of the observation"),
    define("frequency", "frequency of the line centre z"),
    define("fwhm_x", "full width at half maximum along the first axis, 2.35482 sigma_x"),
    define("fwhm_y", "full width at half maximum along the second axis, 2.35482 sigma_y"),
    define("x0", "first column of the true box"),
    define("y0", "first row of the true box"),
    define("x1", "column after the last one of the true box"),
    define("y1", "row after the last one of the true box"),
    define("z0", "begin of the line range, z - fwhm_z"),
    define("z1"),
    define("n_voxels"),
    define("flux", "sum of the dirty cube over box and line range"),
    define("flux_line", "flux less the continuum of its voxels: flux - n_voxels continuum; flux if that is NaN"),
    define("continuum", "mean of the dirty cube over the box outside the line range; NaN if nothing is outside"),
    define("peak", "brightest voxel of the dirty cube in box and line range"),
    define("snr", "peak over the noise rms of a channel (thermal and white)"),
    define("snr_image"),
    define("line_flux_jykms"),
    define("continuum_mjy"),
    define("blendness"),
    define("thermal_rms"),
    define("white_rms"),
)


def make_table(sources: Sequence[Mapping[str, Any]], columns: Iterable[Column]) -> Table:
    """Make a table from one mapping a row; a value that a row does not have is masked.

    Parameters
    ----------
    sources : sequence of mapping
        Values by column name; names without a column are left out.
    columns : iterable of Column
        Order, units and descriptions of the columns.
    """
    return Table([make_column([source.get(info.name) for source in sources], info) for info in columns])


def make_column(values: Sequence[Any], info: Column) -> TableColumn:
    """Make a column with its unit and description; None becomes a masked value."""
    mask = [value is None for value in values]
    filled = [info.dtype() if hidden else value for value, hidden in zip(values, mask, strict=True)]
    data: np.ndarray = np.array(filled, dtype=info.dtype) if filled else np.zeros(0, dtype=info.dtype)
    meaning = {"name": info.name, "unit": info.unit, "description": info.description}
    return MaskedColumn(data, mask=mask, **meaning) if any(mask) else TableColumn(data, **meaning)


def as_sources(rows: Table) -> list[Source]:
    """Turn the rows of a table into plain mappings without their masked values."""
    values = {name: rows[name].tolist() for name in rows.colnames}
    listed = (dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True))
    return [{name: value for name, value in source.items() if value is not None} for source in listed]
