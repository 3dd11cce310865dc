"""The last step: all sources of a cube fitted together through the dirty beam, and the catalogue of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.table import Table
from astropy.wcs import WCS

from cubefocus.alma.aperture import Fluxes, aperture_fluxes
from cubefocus.alma.apparent import apparent
from cubefocus.alma.catalogue import build_table, on_the_sky, rest_frequency_of, spectral
from cubefocus.cube.celestial import frame_of, local_axes, position_angle
from cubefocus.cube.cube import Cube
from cubefocus.cube.scale import SIGMA_TO_FWHM
from cubefocus.fit.beam import Beam
from cubefocus.fit.fitted import Fitted
from cubefocus.fit.misfit import POOR, Misfit, misfits, noise_levels
from cubefocus.fit.noise import Noise
from cubefocus.fit.run import fit_cube_of
from cubefocus.fit.seen import seen
from cubefocus.fit.sky import NAMES, errors, measures, on_sky, strongest_line
from cubefocus.fit.source import Component, axes_of, cov_of
from cubefocus.fit.steps import may_be_one
from cubefocus.settings import FitSettings
from cubefocus.sky.boxes import true_boxes
from cubefocus.sky.emission import Frame, ellipse_window, gaussian_image
from cubefocus.sky.truth import measure_dirty
from cubefocus.tables.columns import BOX, Column, column, define

KM_S = 299792.458
RESOLVED = 6.0  # major axis over its error, from which on a source is resolved: 3 errors of the square, which is fitted
UPPER = 1.645  # errors of the square of a size above it: exceeded with a probability of 5 %
EDGE = 1.3  # FWHM of the beam: nearer to where the data end, the part of its image that is missing biases a source
FLUXES = ("continuum", "continuum_err", "line", "line_err")
LEAST_SIGMA = 0.3  # pixels: a source that is smaller fills a pixel

_OWN = {
    "source_id": "number of the source in its cube, highest significance first",
    "candidate_id": "number of the source in the catalogue of the networks that it was started from; -1: found by the "
    "fit in what the others leave",
    "flux": "sum of the dirty voxels in box and line range of the model",
    "flux_line": "flux less the continuum of its voxels",
    "continuum_mjy": "continuum flux density of the model on the sky at the frequency of the line centre",
    "line_flux_jykms": "velocity-integrated flux of the strongest line of the model on the sky",
    "x_err": "standard error of the fit",
    "y_err": "standard error of the fit",
    "z_err": "standard error of the fit",
    "fwhm_z_err": "standard error of the fit",
    "velocity": "radio velocity of the line for the given rest frequency, else that of the cube's header",
    "redshift": "redshift of the line for the given rest frequency, else that of the cube's header",
    "flags": "what a user should know, separated by semicolons: unresolved (major below 6 of its errors, so its square "
    "below 3 of its own: see major_limit), at_image_edge (data end within 1.3 beams: biased), at_band_edge, no_line, "
    "blended (another source within a beam or the widths of both: may be parts of one), poor_fit (no Gaussian with "
    "Gaussian lines: see misfit, and the fluxes of the aperture), not_converged, beam_differs (the cube has a wider or "
    "narrower dirty beam than the given one), beyond_psf (perhaps a sidelobe of a far brighter source, from which the "
    "PSF does not reach this one)",
}
COLUMNS: tuple[Column, ...] = tuple(define(name, _OWN.get(name)) for name in (
    "cube_id", "source_id", "candidate_id", "name", "significance", "x", "y", "ra", "dec", "frame", "z", "frequency",
    "velocity", "velocity_frame", "redshift", "major", "minor", "position_angle", "major_convolved", "minor_convolved",
    "position_angle_convolved", "sigma_x", "sigma_y", "fwhm_x", "fwhm_y", "sigma_x_arcsec", "sigma_y_arcsec",
    "fwhm_x_arcsec", "fwhm_y_arcsec", "pa", *BOX, "z0", "z1", "fwhm_z", "fwhm_velocity", "continuum_mjy",
    "continuum_mjy_middle", "line_flux_jykms", "flux", "flux_line", "continuum", "peak", "peak_mjy", "local_rms", "snr",
    "snr_image", "x_err", "y_err", "ra_err", "dec_err", "z_err", "frequency_err", "velocity_err", "redshift_err",
    "fwhm_z_err", "fwhm_velocity_err", "major_err", "major_limit", "minor_err", "position_angle_err",
    "major_convolved_err", "minor_convolved_err", "position_angle_convolved_err", "sigma_x_err", "sigma_y_err",
    "pa_err", "continuum_mjy_err", "continuum_mjy_middle_err", "peak_mjy_err", "line_flux_jykms_err",
    "continuum_mjy_aperture", "continuum_mjy_aperture_err", "line_flux_jykms_aperture", "line_flux_jykms_aperture_err",
    "misfit", "flags",
))  # fmt: skip


@dataclass(frozen=True, eq=False)
class FittedCube:
    """A cube after the fit: the catalogue of its sources, and the fit itself."""

    catalogue: Table
    fitted: Fitted


def fit_cube(
    cube: Cube,
    beam: Beam,
    starts: Table | None = None,
    settings: FitSettings | None = None,
    *,
    box_level: float,
    cube_id: int = 0,
    rest_frequency_ghz: float | None = None,
    device: str = "cpu",
    noise: Noise | None = None,
) -> FittedCube:
    """Fit the sources of a cube, and what else is in it.

    Parameters
    ----------
    cube : Cube
        Jy/beam.
    beam : Beam
        Dirty or restoring beam, and primary beam of the set-up, for cubes of this size.
    starts : Table, optional
        Candidates with x y sigma_x sigma_y (pixels), pa (deg), z fwhm_z (channels); none for a search from nothing.
    settings : FitSettings, optional
    box_level : float
        Share of the highest pixel of the integrated model at which boxes end, as ``sky.box_level``.
    cube_id : int
    rest_frequency_ghz : float, optional
        Of the line; that of the header if left out.
    device : str
    noise : Noise, optional
        Measured as that of a dirty cube if left out; `cubefocus.fit.restored.measure_restored` measures another.

    Returns
    -------
    FittedCube
    """
    frequencies = cube.frequencies_hz
    fitted = fit_cube_of(cube.data, beam, frequencies, components_of(starts), settings, noise, device)
    return FittedCube(catalogue_of(cube, fitted, box_level, cube_id, rest_frequency_ghz), fitted)


def components_of(table: Table | None) -> list[Component]:
    """Where the fit starts: the sources of a catalogue, fluxes left to be found."""
    if table is None or not len(table):
        return []
    names = ("x", "y", "sigma_x", "sigma_y", "pa", "z", "fwhm_z")
    values = {name: column(table, name) for name in names}
    starts = []
    for number in range(len(table)):
        x, y, sigma_x, sigma_y, pa, z, width = (float(values[name][number]) for name in names)
        lines = [(z, width)] if math.isfinite(z) and math.isfinite(width) else []
        starts.append(Component.of(x, y, cov_of(max(sigma_x, LEAST_SIGMA), max(sigma_y, LEAST_SIGMA), pa), lines))
    return starts


def catalogue_of(
    cube: Cube,
    fitted: Fitted,
    box_level: float,
    cube_id: int = 0,
    rest_frequency_ghz: float | None = None,
    shown: Cube | None = None,
    extents: np.ndarray | None = None,
    order: Sequence[int] | None = None,
) -> Table:
    """Catalogue of the sources of a fit, most significant first, with the columns of `COLUMNS`.

    What is negative was fitted for the sake of the others, and is left out.

    Parameters
    ----------
    cube : Cube
        That was fitted.
    fitted : Fitted
    box_level : float
        As for `fit_cube`.
    cube_id : int
    rest_frequency_ghz : float, optional
    shown : Cube, optional
        In which voxels are summed, where the fit was not of the cube itself.
    extents : ndarray of int, shape (n, 4), optional
        Boxes (x0, y0, x1, y1), half-open, that those of the sources hold at least, in the order of ``fitted``.
    order : sequence of int, optional
        Which sources of the fit are in the catalogue, and in what order; the positive ones if left out.
    """
    order = fitted.ranked if order is None else order
    rows = [_measured(fitted, number) for number in order]
    boxes = _boxes(fitted, order, box_level)
    if extents is not None and len(order):
        low, high = np.minimum(boxes, extents[order])[:, :2], np.maximum(boxes, extents[order])[:, 2:]
        boxes = np.concatenate([low, high], axis=1)
    levels = noise_levels(fitted.scene, fitted.components)
    left = misfits(fitted.scene, fitted.components, fitted.solution.products, levels)
    apertures = aperture_fluxes(cube.data, fitted, order, boxes)
    ghz = cube.frequencies_hz / 1e9
    rest_ghz = rest_frequency_of(cube) if rest_frequency_ghz is None else rest_frequency_ghz
    wcs, cell, noise = cube.wcs, cube.cell_arcsec, fitted.scene.noise.rms
    places = on_the_sky(cube, [(row["x"], row["y"]) for row in rows])
    axes = local_axes(wcs, [row["x"] for row in rows], [row["y"] for row in rows])
    frames = {"frame": frame_of(wcs), "velocity_frame": cube.velocity_frame or ""}
    for source_id, (number, row, box, place) in enumerate(zip(order, rows, boxes, places, strict=True)):
        row |= {"cube_id": cube_id, "source_id": source_id} | place | dict(zip(BOX, box.tolist(), strict=True))
        row["misfit"] = left[number].ratio
        flags = _flags(fitted, number, row, box, left[number], cube)
        row |= _in_flux_units(Fluxes(*(row[name] for name in FLUXES)), row["z"], ghz)
        row |= _in_flux_units(apertures[source_id], row["z"], ghz, "_aperture")
        row |= measure_dirty(row | _finite_range(row, len(ghz)), (shown or cube).data, noise)
        row |= frames | _of_voxels(fitted, row) | _as_seen(fitted, number, axes[source_id], cell)
        row |= spectral(ghz, row, rest_ghz) | _in_sky_units(wcs, row, cell)
        if "unresolved" in flags:  # what has no measured size has no angle
            row |= dict.fromkeys(("position_angle", "position_angle_err", "pa_err"), math.nan)
            row["major_limit"] = math.sqrt(row["major"] ** 2 + 2.0 * UPPER * row["major"] * row["major_err"])
        row["flags"] = ";".join(sorted(flags))
    return build_table(COLUMNS, rows)


def _measured(fitted: Fitted, number: int) -> dict[str, Any]:
    """Parameters of a source on the sky and their errors, pixels and channels."""
    component, scene = fitted.components[number], fitted.scene
    values = measures(component, scene.beam, scene.spectral.log_ratio)
    off = errors(component, fitted.covariance_of(number), scene.beam, scene.spectral.log_ratio)
    row = dict(zip(NAMES, values.tolist(), strict=True))
    row |= {f"{name}_err": error for name, error in zip(NAMES, off.tolist(), strict=True)}
    row["z0"], row["z1"] = row["z"] - row["fwhm_z"], row["z"] + row["fwhm_z"]
    row |= {"candidate_id": fitted.origin[number], "significance": float(fitted.significance[number])}
    return row


def _as_seen(fitted: Fitted, number: int, axes: np.ndarray, cell: float) -> dict[str, float]:
    """What of a source is known on the sky behind the beam, and its continuum in the middle of the band."""
    found = seen(fitted.components[number], fitted.covariance_of(number), fitted.scene.beam)
    row = apparent(axes, cell, found.moments, found.covariance[:5, :5])
    error = math.sqrt(max(float(found.covariance[5, 5]), 0.0))
    return row | {"continuum_mjy_middle": 1e3 * found.continuum, "continuum_mjy_middle_err": 1e3 * error}


def _of_voxels(fitted: Fitted, row: Mapping[str, Any]) -> dict[str, float]:
    """Highest voxel and noise of the channel of the line, mJy/beam; of the median channel without one."""
    noise = fitted.scene.noise
    known = noise.relative[np.isfinite(noise.relative)]
    level = float(np.median(known)) if len(known) else math.nan
    if math.isfinite(row["z"]):
        own = float(noise.relative[min(max(round(row["z"]), 0), len(noise.relative) - 1)])
        level = own if math.isfinite(own) else level
    rms = 1e3 * noise.rms * level
    return {"peak_mjy": 1e3 * row["peak"], "peak_mjy_err": rms, "local_rms": rms}


def _finite_range(row: Mapping[str, Any], n_channels: int) -> dict[str, float]:
    """The line range, or the whole band for a source without a line."""
    return {} if math.isfinite(row["z0"]) else {"z0": 0.0, "z1": n_channels - 1.0}


def _boxes(fitted: Fitted, order: Sequence[int], level: float) -> np.ndarray:
    """Boxes of the sources as those of true ones are made: from the model on the sky, without noise."""
    scene = fitted.scene
    height, width = scene.beam.grid.shape
    frame = Frame(scene.n_channels, max(height, width), np.ones(scene.n_channels))
    whole, windows, images = np.zeros((frame.n_pixels, frame.n_pixels)), [], []
    for number in order:
        source = on_sky(fitted.components[number], scene.beam)
        major, minor, angle = _axes(source)
        # A window holds a pixel at least, also for a source at the very edge.
        x, y = (min(max(at, 0.0), frame.n_pixels - 1.0) for at in source.centre)
        shape = (x, y, major, minor, angle)
        window = ellipse_window(frame, *shape)
        total = abs(float(scene.spectral.of(source)[0].sum())) / (2.0 * math.pi * major * minor)
        image = gaussian_image(window, *shape) * total
        whole[window] += image
        windows.append(window)
        images.append(image)
    if not images:
        return np.empty((0, 4), dtype=int)
    boxes = true_boxes(windows, images, whole, level)
    return np.minimum(boxes, [width, height, width, height])


def _axes(source: Component) -> tuple[float, float, float]:
    major, minor, angle = axes_of(source.cov)
    return max(major, LEAST_SIGMA), max(minor, LEAST_SIGMA), angle


def _in_sky_units(wcs: WCS, row: Mapping[str, Any], cell: float) -> dict[str, Any]:
    """Sizes in arcsec, and the position angle north through east, with errors."""
    values: dict[str, Any] = {}
    for axis in ("x", "y"):
        values[f"fwhm_{axis}"] = SIGMA_TO_FWHM * row[f"sigma_{axis}"]
        for size in ("sigma", "fwhm"):
            values[f"{size}_{axis}_arcsec"] = (values | dict(row))[f"{size}_{axis}"] * cell
    for axis in ("major", "minor"):
        values[axis], values[f"{axis}_err"] = (SIGMA_TO_FWHM * cell * row[name] for name in (axis, f"{axis}_err"))
    values["position_angle"] = position_angle(wcs, row["x"], row["y"], row["angle"])
    values["position_angle_err"] = row["angle_err"]
    return values


def _in_flux_units(fluxes: Fluxes, z: float, ghz: np.ndarray, which: str = "") -> dict[str, float]:
    """Continuum in mJy and line flux in Jy km/s on the sky, with errors, in the columns of the model or of others."""
    values = {f"continuum_mjy{which}": 1e3 * fluxes.continuum, f"continuum_mjy{which}_err": 1e3 * fluxes.continuum_err}
    if len(ghz) == 1:
        return values
    step = abs(float(np.median(np.diff(ghz))))
    at = float(np.interp(z, np.arange(len(ghz)), ghz))
    width = KM_S * step / at
    line = {f"line_flux_jykms{which}": fluxes.line * width, f"line_flux_jykms{which}_err": fluxes.line_err * width}
    return values | line


def _flags(fitted: Fitted, number: int, row: Mapping[str, Any], box: np.ndarray, left: Misfit, cube: Cube) -> set[str]:
    """What a user should know of a source."""
    scene, component = fitted.scene, fitted.components[number]
    lobe = float(np.mean(scene.beam.fwhm))
    others = [one for index, one in enumerate(fitted.components) if index != number]
    holds = {
        "unresolved": not row["major"] > RESOLVED * row["major_err"],
        "at_image_edge": _ends_near(cube.data, box, component.centre, EDGE * lobe),
        "at_band_edge": row["z0"] < 0 or row["z1"] > scene.n_channels - 1,
        "no_line": strongest_line(component) is None,
        # Emission that is no Gaussian falls into several that overlap.
        "blended": any(
            math.dist(component.centre, other.centre) < lobe or may_be_one(component, other, scene.beam.sigma)
            for other in others
        ),
        "not_converged": not fitted.solution.converged,
        "poor_fit": left.probability < POOR,
    }
    return {name for name, it_does in holds.items() if it_does}


def _ends_near(data: np.ndarray, box: np.ndarray, centre: tuple[float, float], reach: float) -> bool:
    """Whether the data end beside the box of a source or within reach of its centre.

    They end at pixels that are blank in all channels, and at the edge of the image.
    """
    (x, y), (n_y, n_x) = centre, data.shape[1:]
    if not (0 <= x < n_x and 0 <= y < n_y):
        return True
    x0, y0, x1, y1 = (box + np.array([-1, -1, 1, 1])).tolist()
    left, top = min(x0, math.floor(x - reach)), min(y0, math.floor(y - reach))
    right, bottom = max(x1, math.ceil(x + reach) + 1), max(y1, math.ceil(y + reach) + 1)
    near = np.hypot(np.arange(top, bottom)[:, None] - y, np.arange(left, right)[None] - x) <= reach
    near[y0 - top : y1 - top, x0 - left : x1 - left] = True
    voxels = data[:, max(top, 0) : bottom, max(left, 0) : right]
    held = np.zeros(near.shape, dtype=bool)
    held[max(-top, 0) :, max(-left, 0) :][: voxels.shape[1], : voxels.shape[2]] = np.isfinite(voxels).any(axis=0)
    return bool((near & ~held).any())
