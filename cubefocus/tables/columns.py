"""Columns of all tables: what each one is, once, and how a table's columns are read as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from astropy import units as u
from astropy.table import Table

from cubefocus.errors import CubefocusError

BOX = ("x0", "y0", "x1", "y1")
LINE_RANGE = ("z0", "z1")
PA_CONVENTION = "from the +x pixel axis, clockwise as seen with y up"


@dataclass(frozen=True)
class Column:
    """What a column holds.

    Attributes
    ----------
    name : str
    unit : str or None
        As astropy reads it; None for a pure number.
    ucd : str
        Unified content descriptor, IVOA UCD1+ 1.5; empty where its vocabulary has no word.
    dtype : type
    description : str
    kms_unit : str or None
        For a velocity in channels: unit of its twin ``<name>_kms`` in the truth table, in km/s.
    """

    name: str
    unit: str | None = None
    ucd: str = ""
    dtype: type = float
    description: str = ""
    kms_unit: str | None = None


_STATED = "standard error; NaN where the parameter has none"
_FORMAL = "formal error of the fit to the cleaned spectrum, without the network's own, which is larger; NaN without fit"
_ALL = (
    # which source
    Column("cube_id", None, "meta.id;obs.field", np.int64, "cube that the source is in"),
    Column("split", None, "meta.dataset", str, "train, validation or test"),
    Column("source_id", None, "meta.id;src", np.int64, "number of the source in its cube, highest snr_focused first"),
    Column("candidate_id", None, "meta.id", np.int64, "number of the candidate in its cube"),
    Column("parent_id", None, "meta.id.parent", np.int64,
           "candidate whose spectrum it is a further peak of; -1 for a blob of its own"),
    Column("name", None, "meta.id;meta.main", str, "IAU style name from the J2000 position"),
    Column("is_central", None, "meta.code", bool, "whether the source is the one at the phase centre"),
    Column("type", None, "meta.code.class;src", str, "sky type"),
    Column("stage", None, "meta.code", str, "last step it entered: blobs, spectra, focus, deblend, final"),
    Column("reason", None, "meta.note", str, "kept, or why it was dropped"),
    Column("flags", None, "meta.code.qual", str, "what a user should know, separated by semicolons"),
    # where
    Column("x", "pix", "pos.cartesian.x", float, "centre, 0-based, pixel centres at integers"),
    Column("y", "pix", "pos.cartesian.y", float, "centre, 0-based, pixel centres at integers"),
    Column("ra", "deg", "pos.eq.ra;meta.main", float, "right ascension, J2000 (frame of the cube)"),
    Column("dec", "deg", "pos.eq.dec;meta.main", float, "declination, J2000 (frame of the cube)"),
    Column("frame", None, "pos.frame", str,
           "of ra, dec and position angles: ICRS, or FK5 (J2000) for a cube that is in it"),
    Column("z", "chan", "em.bin", float, "centre of the line, 0-based channel"),
    Column("frequency", "GHz", "em.freq;spect.line", float, "observed frequency of the line's centre"),
    Column("velocity", "km / s", "spect.dopplerVeloc.radio", float,
           "radio velocity of the line for the given rest frequency; NaN without one"),
    Column("velocity_frame", None, "pos.frame;spect.dopplerVeloc.radio", str,
           "of frequency, velocity and redshift: SPECSYS of the cube (LSRK, BARYCENT, ...); empty where it says none"),
    Column("redshift", None, "src.redshift", float,
           "redshift of the line for the given rest frequency; NaN without one"),
    # spectra
    Column("channel", None, "em.bin", np.int64, "0-based channel"),
    Column("flux_density", "mJy", "phot.flux.density", float,
           "on the sky, from an aperture around the source, less the other sources; NaN where it is not measured"),
    Column("flux_density_err", "mJy", "stat.error;phot.flux.density", float, "standard error of the noise"),
    Column("flux_density_model", "mJy", "phot.flux.density;stat.fit", float, "of the fit, on the sky"),
    # how large
    Column("sigma_x", "pix", "phys.angSize;stat.stdev", float, "standard deviation along the source's own first axis"),
    Column("sigma_y", "pix", "phys.angSize;stat.stdev", float, "standard deviation along the source's own second axis"),
    Column("fwhm_x", "pix", "phys.angSize", float, "2.35482 sigma_x"),
    Column("fwhm_y", "pix", "phys.angSize", float, "2.35482 sigma_y"),
    Column("sigma_x_arcsec", "arcsec", "phys.angSize;stat.stdev", float, "sigma_x on the sky"),
    Column("sigma_y_arcsec", "arcsec", "phys.angSize;stat.stdev", float, "sigma_y on the sky"),
    Column("fwhm_x_arcsec", "arcsec", "phys.angSize", float, "fwhm_x on the sky"),
    Column("fwhm_y_arcsec", "arcsec", "phys.angSize", float, "fwhm_y on the sky"),
    Column("pa", "deg", "pos.posAng", float, "angle of the sigma_x axis from the +x pixel axis, clockwise with y up"),
    Column("major", "arcsec", "phys.angSize.smajAxis", float,
           "full width at half maximum along the major axis, deconvolved from the dirty beam"),
    Column("minor", "arcsec", "phys.angSize.sminAxis", float,
           "full width at half maximum along the minor axis, deconvolved from the dirty beam"),
    Column("position_angle", "deg", "pos.posAng", float,
           "position angle of the major axis, north through east; NaN for a source that is unresolved"),
    Column("major_convolved", "arcsec", "phys.angSize.smajAxis", float,
           "full width at half maximum along the major axis as the image shows it, with the beam (middle channel)"),
    Column("minor_convolved", "arcsec", "phys.angSize.sminAxis", float,
           "full width at half maximum along the minor axis as the image shows it, with the beam (middle channel)"),
    Column("position_angle_convolved", "deg", "pos.posAng", float,
           "position angle of the major axis as the image shows it, north through east"),
    Column("fwhm_z", "chan", "spect.line.width", float, "full width at half maximum of the line"),
    Column("fwhm_velocity", "km / s", "spect.line.width", float, "full width at half maximum of the line"),
    # box and line range
    Column("x0", "pix", "pos.cartesian.x;stat.min", np.int64, "box, first column"),
    Column("y0", "pix", "pos.cartesian.y;stat.min", np.int64, "box, first row"),
    Column("x1", "pix", "pos.cartesian.x;stat.max", np.int64, "box, first column behind it (half-open)"),
    Column("y1", "pix", "pos.cartesian.y;stat.max", np.int64, "box, first row behind it (half-open)"),
    Column("z0", "chan", "em.bin;stat.min", float, "start of the line range, z - fwhm_z"),
    Column("z1", "chan", "em.bin;stat.max", float, "end of the line range, z + fwhm_z"),
    Column("blob_x0", "pix", "pos.cartesian.x;stat.min", np.int64, "box of the blob before deblending, first column"),
    Column("blob_y0", "pix", "pos.cartesian.y;stat.min", np.int64, "box of the blob before deblending, first row"),
    Column("blob_x1", "pix", "pos.cartesian.x;stat.max", np.int64,
           "box of the blob before deblending, first column behind it"),
    Column("blob_y1", "pix", "pos.cartesian.y;stat.max", np.int64,
           "box of the blob before deblending, first row behind it"),
    Column("blendness", None, "stat.value", float,
           "largest IoU of the true box with another one of the cube (MNRAS Eq. 22)"),
    # how bright
    Column("flux", "Jy / beam", "phot.flux.density", float,
           "sum of the dirty voxels in box and line range: flux_line and continuum"),
    Column("flux_line", "Jy / beam", "phot.flux.density;spect.line", float, "the line's part of flux"),
    Column("continuum", "Jy / beam", "phot.flux.density;spect.continuum", float,
           "mean of the voxels in the box outside the line range"),
    Column("peak", "Jy / beam", "phot.flux.density;stat.max", float, "highest voxel in box and line range"),
    Column("peak_mjy", "mJy / beam", "phot.flux.density;stat.max", float,
           "highest voxel in box and line range, which noise makes higher"),
    Column("local_rms", "mJy / beam", "stat.stdev;phot.flux.density", float,
           "standard deviation of the noise of a voxel at the place of the source, in the channel of its line"),
    Column("n_voxels", None, "meta.number;instr.pixel", np.int64,
           "voxels in box and line range that hold a number in the dirty cube"),
    Column("line_flux_jykms", "Jy km / s", "phot.flux;spect.line", float,
           "velocity-integrated line flux of the sky model"),
    Column("continuum_mjy", "mJy", "phot.flux.density;spect.continuum", float,
           "continuum flux density of the sky model at the frequency of the line centre"),
    Column("continuum_mjy_middle", "mJy", "phot.flux.density;spect.continuum", float,
           "continuum flux density on the sky in the middle channel of the band"),
    Column("line_flux_jykms_aperture", "Jy km / s", "phot.flux;spect.line", float,
           "velocity-integrated line flux on the sky from the dirty voxels around the source, less the other sources "
           "and the continuum; the model says only which share of it is there. NaN where that is not known: no channel "
           "off the lines, too little of the line in the band, or an aperture that bowls of the dirty beam fill"),
    Column("continuum_mjy_aperture", "mJy", "phot.flux.density;spect.continuum", float,
           "continuum flux density on the sky at the frequency of the line centre from the dirty voxels around the "
           "source off its lines, less the other sources; NaN as for line_flux_jykms_aperture"),
    # how sure
    Column("snr", None, "stat.snr", float, "peak over the noise of a voxel"),
    Column("misfit", None, "stat.fit.chi2", float,
           "chi^2 of what the fit leaves at the source over its expectation: about 1 for a source that is as it was "
           "fitted; flag poor_fit where that is improbable"),
    Column("significance", None, "stat.snr", float,
           "square root of the chi^2 of the cube without the source, the others fitted again, less that with it"),
    Column("snr_image", None, "stat.snr", float,
           "brightest pixel of the integrated dirty image in the box over the noise rms there"),
    Column("snr_integrated", None, "stat.snr", float, "Global SNR in the integrated image (MNRAS Eq. 17)"),
    Column("snr_focused", None, "stat.snr", float, "Global SNR in the focused image (MNRAS Eq. 17)"),
    Column("snr_sum", None, "stat.snr", float, "sum of the source's voxels over its noise"),
    Column("pixel_snr", None, "stat.snr", float,
           "SNR of the brightest pixel of a further peak (MNRAS Eq. 18); NaN for others"),
    Column("snr_target", None, "stat.snr", float,
           "signal-to-noise ratio asked for the central source in the integrated image; masked if none"),
    Column("probability", None, "stat.probability", float, "highest value of the probability map in the blob"),
    Column("reliability", None, "stat.probability", float, "share of true ones among detections like it"),
    Column("n_peaks", None, "meta.number;spect.line", np.int64, "peaks in the cleaned spectrum of the blob"),
    Column("is_found", None, "meta.code", bool, "whether a search found it"),
    Column("line_flux_jykms_found", "Jy km / s", "phot.flux;spect.line", float, "line flux that a search measured"),
    Column("continuum_mjy_found", "mJy", "phot.flux.density;spect.continuum", float,
           "continuum flux density that a search measured"),
    Column("completeness", None, "stat.probability", float, "share of the sources that a search found"),
    Column("completeness_low", None, "stat.probability;stat.min", float, "lower end of its 68 % interval"),
    Column("completeness_high", None, "stat.probability;stat.max", float, "upper end of its 68 % interval"),
    Column("n_sources", None, "meta.number", np.int64, "sources that it rests on"),
    Column("snr_low", None, "stat.snr;stat.min", float, "lower end of the bin of signal-to-noise"),
    Column("snr_high", None, "stat.snr;stat.max", float, "upper end of the bin of signal-to-noise"),
    Column("thermal_rms", "Jy / beam", "stat.stdev;phot.flux.density", float, "rms of the thermal noise in a channel"),
    Column("white_rms", "Jy / beam", "stat.stdev;phot.flux.density", float, "rms of the added white noise in a voxel"),
    # errors
    Column("x_err", "pix", "stat.error;pos.cartesian.x", float, f"{_STATED}; Condon (1997)"),
    Column("y_err", "pix", "stat.error;pos.cartesian.y", float, f"{_STATED}; Condon (1997)"),
    Column("ra_err", "arcsec", "stat.error;pos.eq.ra", float,
           "standard error of ra on the sky, so times cos(dec), from that of x and y"),
    Column("dec_err", "arcsec", "stat.error;pos.eq.dec", float, "standard error of dec, from that of x and y"),
    Column("z_err", "chan", "stat.error;em.bin", float, _FORMAL),
    Column("frequency_err", "GHz", "stat.error;em.freq", float, f"{_STATED}; from z_err"),
    Column("velocity_err", "km / s", "stat.error;spect.dopplerVeloc.radio", float, f"{_STATED}; from z_err"),
    Column("redshift_err", None, "stat.error;src.redshift", float, f"{_STATED}; from z_err"),
    Column("fwhm_z_err", "chan", "stat.error;spect.line.width", float, _FORMAL),
    Column("fwhm_velocity_err", "km / s", "stat.error;spect.line.width", float, f"{_STATED}; from fwhm_z_err"),
    Column("flux_err", "Jy / beam", "stat.error;phot.flux.density", float,
           f"{_STATED}; noise of the box-summed spectrum"),
    Column("flux_line_err", "Jy / beam", "stat.error;phot.flux.density", float,
           f"{_STATED}; noise of the box-summed spectrum"),
    Column("sigma_x_err", "pix", "stat.error;phys.angSize", float, _STATED),
    Column("sigma_y_err", "pix", "stat.error;phys.angSize", float, _STATED),
    Column("pa_err", "deg", "stat.error;pos.posAng", float, _STATED),
    Column("major_err", "arcsec", "stat.error;phys.angSize.smajAxis", float, _STATED),
    Column("minor_err", "arcsec", "stat.error;phys.angSize.sminAxis", float, _STATED),
    Column("major_limit", "arcsec", "phys.angSize.smajAxis;stat.max", float,
           "upper limit of major, exceeded with a probability of 5 %, for a source that is unresolved; else NaN"),
    Column("position_angle_err", "deg", "stat.error;pos.posAng", float, _STATED),
    Column("major_convolved_err", "arcsec", "stat.error;phys.angSize.smajAxis", float, _STATED),
    Column("minor_convolved_err", "arcsec", "stat.error;phys.angSize.sminAxis", float, _STATED),
    Column("position_angle_convolved_err", "deg", "stat.error;pos.posAng", float, _STATED),
    Column("peak_mjy_err", "mJy / beam", "stat.error;phot.flux.density;stat.max", float, "noise of a voxel: local_rms"),
    Column("line_flux_jykms_err", "Jy km / s", "stat.error;phot.flux;spect.line", float, _STATED),
    Column("continuum_mjy_err", "mJy", "stat.error;phot.flux.density;spect.continuum", float, _STATED),
    Column("continuum_mjy_middle_err", "mJy", "stat.error;phot.flux.density;spect.continuum", float, _STATED),
    Column("line_flux_jykms_aperture_err", "Jy km / s", "stat.error;phot.flux;spect.line", float, _STATED),
    Column("continuum_mjy_aperture_err", "mJy", "stat.error;phot.flux.density;spect.continuum", float, _STATED),
    Column("continuum_err", "Jy / beam", "stat.error;phot.flux.density", float,
           f"{_STATED}; noise of the box-summed spectrum"),
    # how a source of the sky model was drawn
    Column("amplitude", None, "arith.factor", float,
           "continuum at the source's peak in channel 0, before scaling to the observation's inbright"),
    Column("line_amplitude", None, "arith.factor", float,
           "peak of the line over the continuum; negative in absorption"),
    Column("spectral_index", None, "spect.index", float,
           "s in continuum = amplitude (nu_0 / nu)^s, nu_0 the frequency of channel 0"),
    Column("noise_seed", None, "meta.number", np.int64, "seed of this cube's noise"),
)  # fmt: skip
COLUMNS: dict[str, Column] = {one.name: one for one in _ALL}
"""Every column that is in more than one place by name; a sky type's own ones are with the type."""


def define(name: str, description: str | None = None) -> Column:
    """The column of this name, with what it means in one table if that is more than its general description."""
    return COLUMNS[name] if description is None else replace(COLUMNS[name], description=description)


def dtypes(*names: str) -> dict[str, type]:
    """Types of columns by name, for a table that is made of plain arrays."""
    return {name: COLUMNS[name].dtype for name in names}


def column(table: Table, name: str, unit: str | None = None, default_unit: str | None = None) -> np.ndarray:
    """One column as float, NaN where it is masked.

    Parameters
    ----------
    table : astropy.table.Table
    name : str
    unit : str, optional
        Unit wanted; no conversion if None.
    default_unit : str, optional
        Unit of the column if it carries none; `unit` if None.

    Returns
    -------
    ndarray of float64, shape (n,)
        Empty for a table without rows, whatever its columns.

    Raises
    ------
    CubefocusError
        If a table with rows has no such column.
    """
    if len(table) == 0:
        return np.empty(0)
    if name not in table.colnames:
        there = ", ".join(table.colnames)
        raise CubefocusError(f"the catalogue has no column {name!r} (it has {there}); make it again")
    values: np.ndarray = np.ma.filled(np.ma.asarray(table[name], dtype=float), np.nan)
    if unit is None:
        return np.array(values)
    own = table[name].unit or u.Unit(default_unit or unit)
    return np.array(values) * own.to(u.Unit(unit))


def columns(table: Table, names: tuple[str, ...]) -> np.ndarray:
    """Several columns side by side, shape (n, len(names)), float64."""
    return np.column_stack([column(table, name) for name in names]).reshape(len(table), len(names))


def has_columns(table: Table, names: tuple[str, ...]) -> bool:
    """Whether a table has all of these columns."""
    return all(name in table.colnames for name in names)


def cube_ids(table: Table) -> np.ndarray:
    """Cube id of each row, int64, shape (n,)."""
    return column(table, "cube_id").astype(np.int64)


def centres(table: Table) -> np.ndarray:
    """Centres (x, y) in pixels, shape (n, 2): those of the boxes, or the columns x, y of a table without boxes.

    A half-open box (x0, x1) covers the pixel centres x0 ... x1 - 1, so its centre is (x0 + x1 - 1) / 2.
    """
    if len(table) and not has_columns(table, BOX):
        return columns(table, ("x", "y"))
    boxes = columns(table, BOX)
    return (boxes[:, :2] + boxes[:, 2:] - 1.0) / 2.0
