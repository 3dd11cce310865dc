"""Truth table of a cube: what was drawn, and what it amounts to in the dirty cube and in physical units."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy import units as u
from astropy.constants import c as speed_of_light
from astropy.table import Table, hstack
from astropy.wcs import WCS, FITSFixedWarning

from cubefocus.cube.cube import Cube
from cubefocus.cube.cutouts import channel_slice, clip_box
from cubefocus.cube.scale import SIGMA_TO_FWHM
from cubefocus.instrument.observation import Observation
from cubefocus.sky.boxes import true_boxes
from cubefocus.sky.columns import MEASURED, Source, as_sources, make_column, make_table
from cubefocus.sky.emission import Emission
from cubefocus.sky.model import cube_scale, emissions, integrated_images
from cubefocus.sky.registry import SKY_TYPES
from cubefocus.tables.boxes import blendness
from cubefocus.tables.columns import Column

Values = dict[str, Any]
LIGHT_KMS = speed_of_light.to_value(u.km / u.s)


def measure_truth(
    rows: Table, sky: Cube | np.ndarray, dirty: Cube | np.ndarray, observation: Observation, box_level: float = 0.15,
    box_reference: str = "image", thermal_rms: float = 0.0, white_rms: float = 0.0,
) -> Table:  # fmt: skip
    """Add to a cube's rows of the catalogue all that the truth table says about its sources.

    Parameters
    ----------
    rows : Table
        The cube's rows of the catalogue; none for an empty field.
    sky : Cube or ndarray, shape (channel, y, x)
        Sky cube of these sources, Jy/pixel.
    dirty : Cube or ndarray, shape (channel, y, x)
        Dirty cube with its noise, Jy/beam; NaN outside the primary beam cut.
    observation : Observation
    box_level, box_reference
        As `cubefocus.sky.boxes.true_boxes` takes them.
    thermal_rms, white_rms : float
        Noise of one channel in Jy/beam: thermal, and added.

    Returns
    -------
    Table
        Columns of the catalogue, `cubefocus.sky.columns.MEASURED`, and velocities in km/s of the types that have any.

    Raises
    ------
    CubefocusError
        If the sky cube does not belong to the sources.
    """
    sources, parts = as_sources(rows), emissions(rows, observation)
    sky_data, dirty_data = (cube.data if isinstance(cube, Cube) else cube for cube in (sky, dirty))
    scale = cube_scale(parts, sky_data) if parts else 1.0
    whole = integrated_images(parts, observation.n_pixels)
    boxes = true_boxes([p.window for p in parts], [p.integrated() for p in parts], whole, box_level, box_reference)
    overlaps = blendness(boxes)
    measured = []
    for source, part, box, overlap in zip(sources, parts, boxes, overlaps, strict=True):
        values = {**_geometry(source, box), **_physical(source, part, scale, observation)}
        values |= {"blendness": float(overlap), "thermal_rms": thermal_rms, "white_rms": white_rms}
        measured.append(values | measure_dirty(values, dirty_data, float(np.hypot(thermal_rms, white_rms))))
    _add_directions(sources, measured, observation)
    table = hstack([Table(rows, copy=True), make_table(measured, MEASURED)], metadata_conflicts="silent")
    table.meta.clear()
    _add_velocities(table, observation)
    return table


def _geometry(source: Source, box: np.ndarray) -> Values:
    """Widths as FWHM, box and line range."""
    extent = source["fwhm_z"]
    corners = dict(zip(("x0", "y0", "x1", "y1"), box.tolist(), strict=True))
    widths = {f"fwhm_{axis}": SIGMA_TO_FWHM * source[f"sigma_{axis}"] for axis in "xy"}
    return {**widths, **corners, "z0": source["z"] - extent, "z1": source["z"] + extent}


def _physical(source: Source, part: Emission, scale: float, observation: Observation) -> Values:
    """Fluxes of the sky model at and around the line, in the units that astronomers quote."""
    frequencies = observation.frequencies_hz
    width_hz = observation.channel_width_mhz * 1e6
    centre_hz = frequencies[0] + source["z"] * width_hz
    velocity_width = LIGHT_KMS * width_hz / centre_hz
    continuum = np.interp(centre_hz, frequencies, part.continuum_spectrum())
    return {
        "frequency": centre_hz / 1e9,
        "line_flux_jykms": float(part.line_spectrum().sum() * scale * velocity_width),
        "continuum_mjy": float(continuum * scale * 1e3),
    }


def measure_dirty(values: Mapping[str, Any], dirty: np.ndarray, rms: float) -> Values:
    """Measure a source in the dirty cube: sums, means and peaks in its box; NaN voxels count as no flux.

    Parameters
    ----------
    values : mapping
        Box x0 y0 x1 y1 (pixels, half-open) and line range z0 z1 (channels).
    dirty : ndarray, shape (channel, y, x)
        Jy/beam.
    rms : float
        Noise of a voxel, Jy/beam.

    Returns
    -------
    dict
        n_voxels, flux, flux_line, continuum, peak, snr and snr_image, as `cubefocus.sky.columns.MEASURED` says.
    """
    x0, y0, x1, y1 = clip_box(np.array([values[name] for name in ("x0", "y0", "x1", "y1")]), dirty.shape[1:])
    column = dirty[:, y0:y1, x0:x1].astype(float)
    line = np.zeros(len(column), dtype=bool)
    line[channel_slice(values["z0"], values["z1"], len(column))] = True
    valid = np.isfinite(column)
    outside = column[~line][valid[~line]]
    column = np.where(valid, column, 0.0)
    flux, n_voxels = float(column[line].sum()), int(valid[line].sum())
    continuum = float(outside.mean()) if outside.size else float("nan")
    # A line as wide as the band leaves no continuum to subtract, here as in the line image that the network sees.
    flux_line = flux - n_voxels * continuum if outside.size else flux
    peak, peak_image = float(column[line].max()), float(column.sum(axis=0).max())
    return {
        "n_voxels": n_voxels,
        "flux": flux,
        "flux_line": flux_line,
        "continuum": continuum,
        "peak": peak,
        "snr": _over(peak, rms),
        "snr_image": _over(peak_image, rms * np.sqrt(len(column))),
    }


def _over(signal: float, rms: float) -> float:
    return signal / rms if rms > 0 else float("inf")


def _add_directions(sources: list[Source], measured: list[Values], observation: Observation) -> None:
    """Right ascension and declination of the true centres by the observation's WCS, in its own frame."""
    if not sources:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FITSFixedWarning)  # dates that astropy normalises
        wcs = WCS(observation.header()).celestial
    ra, dec = wcs.all_pix2world([s["x"] for s in sources], [s["y"] for s in sources], 0)
    for values, right_ascension, declination in zip(measured, ra, dec, strict=True):
        values |= {"ra": float(right_ascension), "dec": float(declination)}


def _add_velocities(table: Table, observation: Observation) -> None:
    """Repeat the velocities that are given in channels in km/s."""
    infos = (info for kind in SKY_TYPES.values() for info in kind.columns if info.kms_unit)
    width_kms = LIGHT_KMS * observation.channel_width_mhz / (1e3 * np.asarray(table["frequency"]))
    for info in infos:
        if info.name in table.colnames:
            pairs = zip(table[info.name].tolist(), width_kms.tolist(), strict=True)
            values = [None if value is None else value * width for value, width in pairs]
            twin = Column(
                f"{info.name}_kms", info.kms_unit, info.ucd, description=f"{info.description}; radio convention"
            )
            table[twin.name] = make_column(values, twin)
