"""Components of a sky as each method tells them: peak and flux of the truth, of CLEAN, of the samples, and of the fit.

All images are asked in the same way. The peak is the brightness at the true place of a component, bilinear between
pixels; beside it stands the highest pixel within the FWHM, which noise makes higher. The flux is that within the same
ellipse of each image (`cubefocus.resolve.regions.flux_within`); of the fit it is the whole flux of the component.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.table import Table
from scipy.ndimage import map_coordinates

from cubefocus.cube.beams import header_beam
from cubefocus.cube.celestial import pixel_arcsec
from cubefocus.cube.scale import gaussian_area
from cubefocus.errors import CubefocusError
from cubefocus.files import read_table
from cubefocus.resolve.plane import read_plane
from cubefocus.resolve.posterior import Posterior
from cubefocus.resolve.regions import ellipse, flux_within

RESOLVE, FIT, TRUE = "resolve", "fit", "true"
QUANTILES = {"lo_68": 0.15865, "hi_68": 0.84135, "lo_95": 0.025, "hi_95": 0.975}
WANTED = {68: (0.60, 0.76), 95: (0.90, 0.99)}
"""Share of the truths that the stated intervals are to hold."""
UNITS = {"peak": "Jy / arcsec2", "highest": "Jy / arcsec2", "flux": "Jy"}


@dataclass(frozen=True)
class Made:
    """Files of a sky.

    Attributes
    ----------
    name : str
        ``main``, or the number of a sky of the coverage.
    sky, truth, posterior, fitted : str
    tclean : mapping from str to str
        FITS image of each weighting, Jy/beam.
    """

    name: str
    sky: str
    truth: str
    posterior: str
    fitted: str
    tclean: Mapping[str, str] = field(default_factory=dict)


def in_jy_per_arcsec2(path: str | Path) -> tuple[np.ndarray, fits.Header]:
    """A restored image in Jy/arcsec^2: Jy/beam over the area of the beam of its header.

    Raises
    ------
    CubefocusError
        If it cannot be read, or has no beam.
    """
    image, header = read_plane(path)
    beam = header_beam(header)
    if beam is None:
        raise CubefocusError(f"{path}: has no beam (BMAJ, BMIN, BPA); give an image that tclean restored")
    return image / gaussian_area(*beam[:2]), header


def brightness_at(images: np.ndarray, x: float, y: float) -> np.ndarray:
    """Brightness of images of shape (..., y, x) at a place in pixels, bilinear, shape (...)."""
    planes = images.reshape(-1, *images.shape[-2:])
    values = [map_coordinates(plane, [[y], [x]], order=1, mode="nearest")[0] for plane in planes]
    return np.array(values).reshape(images.shape[:-2])


def measured(images: np.ndarray, header: fits.Header, component: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Peak, highest brightness within the FWHM, and flux of a component in images of Jy/arcsec^2.

    Parameters
    ----------
    images : ndarray, shape (..., y, x)
    header : Header
    component : mapping
        Row of the truth.

    Returns
    -------
    dict
        ``peak``, ``highest`` (Jy/arcsec^2) and ``flux`` (Jy), each of shape (...).
    """
    x, y, *shape = (float(component[name]) for name in ("x", "y", "major_arcsec", "minor_arcsec", "pa_deg"))
    cell = pixel_arcsec(header)
    inside = ellipse(images.shape[-2:], cell, (x, y), (shape[0], shape[1], shape[2]), 1.0) > 0
    return {
        "peak": brightness_at(images, x, y),
        "highest": images[..., inside].max(axis=-1),
        "flux": flux_within(images, header, x, y, *shape),
    }


def compare(made: Made) -> Table:
    """A row for each component of a sky, with what each method tells of it.

    Returns
    -------
    Table
        ``sky``, ``converged`` (its inference), the truth (``component``, ``x``, ``y``, ``major_arcsec``,
        ``minor_arcsec``, ``pa_deg``, and of the component alone ``peak_component``, ``flux_component``), ``snr`` (flux
        of the fit over its error), and for ``peak``, ``highest`` and ``flux`` a column ``<quantity>_<method>``:
        ``true``, the weightings of CLEAN,
        ``resolve`` (mean of the samples) and ``fit`` (no ``highest``; its peak is the brightness of all components
        together, and ``component_peak_fit`` that of the component alone). ``_std`` is the standard error; of the
        samples there are ``<quantity>_resolve_lo_68``, ``_hi_68``, ``_lo_95`` and ``_hi_95`` besides.

    Raises
    ------
    CubefocusError
        If a file cannot be read, or the fit is of other components.
    """
    truth, fitted, posterior = read_table(made.truth), read_table(made.fitted), Posterior.load(made.posterior)
    if list(truth["component"]) != list(fitted["component"]):
        raise CubefocusError(f"{made.fitted}: not the components of {made.truth}; fit them again")
    images = {TRUE: read_plane(made.sky)} | {name: in_jy_per_arcsec2(path) for name, path in made.tclean.items()}
    rows = []
    for one, fit in zip(truth, fitted, strict=True):
        row = {"sky": made.name, "converged": bool(posterior.facts["converged"]), **_facts(one), **_of_fit(fit)}
        for name, (image, header) in images.items():
            row |= {f"{key}_{name}": float(value) for key, value in measured(image, header, one).items()}
        for key, values in measured(posterior.samples, posterior.header, one).items():
            row |= _of_samples(f"{key}_{RESOLVE}", values)
        rows.append(row)
    return _with_units(Table(rows))


def _facts(one: Mapping[str, Any]) -> dict[str, Any]:
    """What is true of a component."""
    names = ("x", "y", "major_arcsec", "minor_arcsec", "pa_deg")
    alone = {f"{name}_component": float(one[name]) for name in ("peak", "flux")}
    return {"component": int(one["component"]), **{name: float(one[name]) for name in names}, **alone}


def _of_fit(fit: Mapping[str, Any]) -> dict[str, float]:
    columns = {"peak_fit": "brightness", "flux_fit": "flux", "component_peak_fit": "peak"}
    told = {name: float(fit[column]) for name, column in columns.items()}
    errors = {f"{name}_std": float(fit[f"{column}_err"]) for name, column in columns.items()}
    return {"snr": float(fit["flux"]) / float(fit["flux_err"]), **told, **errors}


def _of_samples(name: str, values: np.ndarray) -> dict[str, float]:
    """Mean, standard deviation and quantiles of samples, shape (sample,)."""
    ends = {f"{name}_{end}": float(np.quantile(values, share)) for end, share in QUANTILES.items()}
    return {name: float(values.mean()), f"{name}_std": float(values.std(ddof=1)), **ends}


def _with_units(table: Table) -> Table:
    for name in table.colnames:
        unit = next((unit for key, unit in UNITS.items() if name.removeprefix("component_").startswith(f"{key}_")), "")
        if unit:
            table[name].unit = unit
    return table
