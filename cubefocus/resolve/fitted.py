"""Gaussian components fitted to visibilities through the response: what a parametric model can tell at best.

The sky is the sum of elliptical Gaussians of a flat spectrum, attenuated by the primary beam of each window. The fit
begins at the values it is given; where these are the true ones, what it tells is a bound and no blind measurement.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from scipy.optimize import least_squares

from cubefocus.errors import CubefocusError
from cubefocus.resolve import elliptical
from cubefocus.resolve.components import SAMPLED, SUBPIXEL
from cubefocus.resolve.elliptical import Grid
from cubefocus.resolve.predict import predict
from cubefocus.resolve.visibilities import Visibilities

logger = logging.getLogger(__name__)

MOST_PARTS = 8  # of a pixel
SMALLEST = 0.35  # pixels, standard deviation of a component: a smaller one is no longer what its pixels say
UNITS = {
    "x": "pix", "y": "pix", "ra": "deg", "dec": "deg", "peak": "Jy / arcsec2", "flux": "Jy",
    "major_arcsec": "arcsec", "minor_arcsec": "arcsec", "pa_deg": "deg", "brightness": "Jy / arcsec2",
}  # fmt: skip
WITH_ERROR = ("x", "y", "peak", "flux", "major_arcsec", "minor_arcsec", "pa_deg", "brightness")


@dataclass(frozen=True)
class Fit:
    """Components that were fitted.

    Attributes
    ----------
    values : ndarray, shape (component, 6)
        As `cubefocus.resolve.elliptical.vector`.
    covariance : ndarray, shape (6 component, 6 component)
        Inverse of the Fisher matrix times the reduced chi^2.
    reduced_chi2 : float
    grid : Grid
    """

    values: np.ndarray
    covariance: np.ndarray
    reduced_chi2: float
    grid: Grid

    def error(self, slope: np.ndarray) -> float:
        """Standard error of what has these derivatives by all parameters, shape (component, 6)."""
        flat = slope.ravel()
        return float(np.sqrt(flat @ self.covariance @ flat))

    def brightness(self, x: float, y: float) -> tuple[float, float]:
        """Brightness of all components together at a place in pixels, and its error, Jy/arcsec^2."""
        at = tuple(np.array(one) for one in self.grid.offset(x, y))
        slope = np.stack([elliptical.gradient(one, *at) for one in self.values])
        return float(sum(elliptical.image(one, *at) for one in self.values)), self.error(slope)


class _Model:
    """Residuals in units of the noise, and their derivatives, of all components together."""

    def __init__(self, visibilities: Visibilities, starts: Table) -> None:
        self.windows = visibilities.windows
        self.grid = Grid(visibilities.shape, visibilities.cell_arcsec)
        self.parts = [_parts(float(row["minor_arcsec"]) / self.grid.cell_arcsec) for row in starts]
        self.offsets = [self.grid.offsets(parts) for parts in self.parts]
        self.data = np.concatenate([window.visibilities for window in self.windows])
        self.root = np.sqrt(np.concatenate([window.weights for window in self.windows]))

    def seen(self, sky: np.ndarray) -> np.ndarray:
        """What the telescope makes of a sky over the noise, real parts before imaginary ones, shape (2 row,)."""
        told = [predict(window, sky, self.grid.cell_arcsec) for window in self.windows]
        return self._split(np.concatenate(told))

    def _split(self, rows: np.ndarray) -> np.ndarray:
        return np.concatenate([rows.real * self.root, rows.imag * self.root])

    def residuals(self, flat: np.ndarray) -> np.ndarray:
        """What it predicts less the data, shape (2 row,)."""
        sky = sum(self._each(elliptical.image, flat))
        difference: np.ndarray = self.seen(np.asarray(sky)) - self._split(self.data)
        return difference

    def jacobian(self, flat: np.ndarray) -> np.ndarray:
        """Derivatives of the residuals, shape (2 row, 6 component)."""
        return np.column_stack([self.seen(one) for some in self._each(elliptical.gradient, flat) for one in some])

    def _each(self, told: Callable[..., np.ndarray], flat: np.ndarray) -> Iterator[np.ndarray]:
        """What is told of each component, over the pixels."""
        for values, offsets, parts in zip(flat.reshape(-1, 6), self.offsets, self.parts, strict=True):
            yield elliptical.over_pixels(told(values, *offsets), parts)


def _parts(minor_px: float) -> int:
    """Points along the side of a pixel that a component is averaged over, as `cubefocus.resolve.components` does."""
    return 1 if minor_px >= SAMPLED else min(math.ceil(1.0 / (SUBPIXEL * minor_px)), MOST_PARTS)


def fit_components(visibilities: Visibilities, starts: Table) -> Fit:
    """Fit components together to all visibilities by least squares.

    Parameters
    ----------
    visibilities : Visibilities
    starts : Table
        A row a component: ``x``, ``y`` (pixels from 0), ``peak`` (Jy/arcsec^2), ``major_arcsec``, ``minor_arcsec``
        (FWHM), ``pa_deg``.

    Raises
    ------
    CubefocusError
        If there is no component, more parameters than data, or the visibilities do not constrain the components.
    """
    model = _Model(visibilities, starts)
    size = 2 * model.data.size
    if not 0 < 6 * len(starts) < size:
        raise CubefocusError(
            f"{len(starts)} components cannot be fitted to {model.data.size} visibilities; give one component at "
            "least, and more visibilities than three a component"
        )
    first = _vectors(starts, model.grid)
    low = np.full_like(first, -np.inf)
    low[:, 3] = math.log(SMALLEST * model.grid.cell_arcsec)
    first[:, 3] = np.maximum(first[:, 3], low[:, 3] + 1e-6)
    found = least_squares(
        model.residuals, first.ravel(), model.jacobian, bounds=(low.ravel(), np.inf), x_scale="jac", max_nfev=60
    )
    reduced = 2.0 * found.cost / (size - first.size)
    logger.info("%d components, reduced chi2 %.4f after %d steps", len(starts), reduced, found.nfev)
    return Fit(found.x.reshape(first.shape), reduced * _inverse(found.jac), reduced, model.grid)


def _vectors(starts: Table, grid: Grid) -> np.ndarray:
    """Starting values, shape (component, 6)."""
    return np.array(
        [
            elliptical.vector(
                float(row["peak"]), *grid.offset(float(row["x"]), float(row["y"])), float(row["major_arcsec"]),
                float(row["minor_arcsec"]), float(row["pa_deg"]),
            )
            for row in starts
        ]
    )  # fmt: skip


def _inverse(jacobian: np.ndarray) -> np.ndarray:
    """Inverse of the Fisher matrix, by way of the scales of its columns, which differ by many orders.

    Raises
    ------
    CubefocusError
    """
    scale = np.linalg.norm(jacobian, axis=0)
    if not (np.isfinite(scale).all() and (scale > 0).all()):
        raise CubefocusError("a component leaves no trace in the visibilities; leave it out of the fit")
    fisher = (jacobian / scale).T @ (jacobian / scale)
    if np.linalg.cond(fisher) > 1e12:
        raise CubefocusError("two components cannot be told apart in the visibilities; fit one in their place")
    covariance: np.ndarray = np.linalg.inv(fisher) / np.outer(scale, scale)
    return covariance


def as_table(fit: Fit, header: fits.Header, components: np.ndarray) -> Table:
    """The components with their errors, a row each.

    Parameters
    ----------
    fit : Fit
    header : Header
        Of the image.
    components : ndarray of int
        Their numbers.

    Returns
    -------
    Table
        ``component``, ``x``, ``y``, ``ra``, ``dec``, ``peak`` (of the component alone), ``flux``, ``major_arcsec``,
        ``minor_arcsec``, ``pa_deg`` and ``brightness`` (of all components together at its centre), with their standard
        errors ``<name>_err``.
    """
    celestial = WCS(header).celestial
    rows = [_row(fit, index) for index in range(len(fit.values))]
    for row in rows:
        row["ra"], row["dec"] = map(float, celestial.pixel_to_world_values(row["x"], row["y"]))
    names = ["x", "y", "ra", "dec", *(name for name in UNITS if name not in ("x", "y", "ra", "dec"))]
    table = Table({"component": np.asarray(components, dtype=np.int64)})
    for name in [*names, *(f"{one}_err" for one in WITH_ERROR)]:
        table[name] = np.array([row[name] for row in rows])
        table[name].unit = UNITS[name.removesuffix("_err")]
    table.meta["reduced_chi2"] = fit.reduced_chi2
    return table


def _row(fit: Fit, index: int) -> dict[str, float]:
    """A component and its errors."""
    values, row = fit.values[index], elliptical.told(fit.values[index])
    row["x"], row["y"] = fit.grid.place(values[1], values[2])
    each = elliptical.slopes(values) | {name: np.eye(6)[at] / fit.grid.cell_arcsec for name, at in (("x", 1), ("y", 2))}
    for name, slope in each.items():
        whole = np.zeros_like(fit.values)
        whole[index] = slope
        row[f"{name}_err"] = fit.error(whole)
    row["brightness"], row["brightness_err"] = fit.brightness(row["x"], row["y"])
    return row
