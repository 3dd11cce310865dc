"""Skies of the study ``eso``: Gaussians, or a protoplanetary disc with rings, and what is true of them.

A sky is an image in Jy/arcsec^2, shape (y, x), with the phase centre at pixel (y // 2, x // 2) and x growing to the
west; its truth is a table with a row a component.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.table import Table

from cubefocus.cube.celestial import celestial_wcs, equatorial, pixel_arcsec
from cubefocus.errors import CubefocusError
from cubefocus.settings.eso import Component, CoverageSettings

GAUSSIAN_AREA = math.pi / (4.0 * math.log(2.0))  # integral of an elliptical Gaussian over peak and FWHMs
SAMPLED = 4.0  # px; a Gaussian with a smaller FWHM is integrated over pixels
SUBPIXEL = 1.0 / 8.0  # of the FWHM; distance of the points that are averaged in a pixel
SMALLEST = 0.1  # px; a smaller FWHM is drawn as this one, with its own flux: nobody sees the difference
REACH = 4.0  # FWHM of the major axis; beyond this a Gaussian is below 1e-19 of its peak
SHARE = 0.3  # of the side of the image; random components lie no further from its centre along an axis
TRIES = 200  # of places for a component, and of beginning anew with the first
STREAM = 1  # of a sky's seed; its noise has one of its own
RADII = (0.06, 0.15, 0.35)  # arcsec; of the circles in which the flux of the disc is told, the last one holds it
DISC_FLUX, DISC_INCLINATION, DISC_PA = 0.049, 21.3, 165.0  # Jy, deg, deg
DISC_SCALE, DISC_EDGE = 0.14, 0.012  # arcsec; of its exponential, and of its outer edge
RINGS = ((0.17, 0.05, 0.35), (0.24, 0.05, -0.5), (0.285, 0.04, 0.7))  # radius and FWHM in arcsec, share that is added
UNITS = {
    "x": "pix",
    "y": "pix",
    "ra": "deg",
    "dec": "deg",
    "peak": "Jy / arcsec2",
    "flux": "Jy",
    "major_arcsec": "arcsec",
    "minor_arcsec": "arcsec",
    "pa_deg": "deg",
}


def gaussians(components: Sequence[Component], header: fits.Header) -> tuple[np.ndarray, Table]:
    """Sky of elliptical Gaussians.

    A Gaussian is sampled at the centres of pixels where its minor axis is 4 px or more, and integrated over pixels
    where it is less, so that the image holds its flux in either case.

    Parameters
    ----------
    components : sequence of Component
    header : Header
        Of the image, with two celestial axes.

    Returns
    -------
    image : ndarray, shape (y, x)
        Jy/arcsec^2.
    truth : Table
        Columns ``component`` (from 1), ``x``, ``y`` (0-based px), ``ra``, ``dec``, ``peak`` (Jy/arcsec^2, of the
        Gaussian itself), ``flux`` (Jy), ``major_arcsec``, ``minor_arcsec`` (FWHM), ``pa_deg`` (north through east).

    Raises
    ------
    CubefocusError
        If a component is wider along its minor axis, or its centre is outside of the image.
    """
    image = np.zeros((int(header["NAXIS2"]), int(header["NAXIS1"])))
    cell, rows = pixel_arcsec(header), []
    for number, one in enumerate(components, start=1):
        _refuse(one, number)
        x, y = image.shape[1] // 2 - one.east_arcsec / cell, image.shape[0] // 2 + one.north_arcsec / cell
        if not (0 <= x <= image.shape[1] - 1 and 0 <= y <= image.shape[0] - 1):
            raise CubefocusError(f"sky.components[{number - 1}] is outside of the image; move it, or make that larger")
        _add(image, one, x, y, cell)
        rows.append(_row(number, x, y, one.peak, _flux(one), (one.major_arcsec, one.minor_arcsec, one.pa_deg)))
    return image, _truth(rows, header)


def _refuse(one: Component, number: int) -> None:
    if one.minor_arcsec > one.major_arcsec:
        raise CubefocusError(
            f"sky.components[{number - 1}].minor_arcsec is {one.minor_arcsec:g}, more than its major_arcsec, "
            f"{one.major_arcsec:g}; exchange them, and turn pa_deg by 90"
        )


def _flux(one: Component) -> float:
    """Flux in Jy."""
    return one.peak * GAUSSIAN_AREA * one.major_arcsec * one.minor_arcsec


def _row(
    number: int, x: float, y: float, peak: float, flux: float, shape: tuple[float, float, float]
) -> dict[str, Any]:
    major, minor, angle = shape
    return {"component": number, "x": x, "y": y, "peak": peak, "flux": flux, "major_arcsec": major,
            "minor_arcsec": minor, "pa_deg": angle}  # fmt: skip


def _truth(rows: Sequence[Mapping[str, Any]], header: fits.Header) -> Table:
    """Table of components with their places on the sky and the units of all columns."""
    found = Table([dict(row) for row in rows])
    places = equatorial(celestial_wcs(header), found["x"], found["y"])
    found.add_columns([places.ra.deg, places.dec.deg], indexes=[3, 3], names=["ra", "dec"])
    for name, unit in UNITS.items():
        found[name].unit = unit
    return found


def _add(image: np.ndarray, one: Component, x: float, y: float, cell: float) -> None:
    """Add a Gaussian about pixel (x, y) to an image, in place."""
    axes = [max(width / cell, SMALLEST) for width in (one.major_arcsec, one.minor_arcsec)]
    reach = REACH * axes[0] + 1.0
    columns, rows = (
        np.arange(max(0, math.floor(at - reach)), min(length, math.ceil(at + reach) + 1))
        for at, length in ((x, image.shape[1]), (y, image.shape[0]))
    )
    peak = one.peak * one.major_arcsec * one.minor_arcsec / (axes[0] * axes[1] * cell**2)
    parts = 1 if axes[1] >= SAMPLED else math.ceil(1.0 / (SUBPIXEL * axes[1]))
    inner = (np.arange(parts) + 0.5) / parts - 0.5
    for down in inner:
        # x grows to the west
        east = x - (columns[:, None] + inner).ravel()
        values = _gaussian(east[None, :], (rows + down - y)[:, None], axes, math.radians(one.pa_deg))
        summed = values.reshape(len(rows), len(columns), parts).sum(axis=2)
        image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] += peak * summed / parts**2


def _gaussian(east: np.ndarray, north: np.ndarray, axes: Sequence[float], angle: float) -> np.ndarray:
    """Elliptical Gaussian with a peak of 1, its FWHMs and offsets in the same unit, the angle north through east."""
    along, across = (
        east * math.sin(angle) + north * math.cos(angle),
        east * math.cos(angle) - north * math.sin(angle),
    )
    return np.exp2(-4.0 * ((along / axes[0]) ** 2 + (across / axes[1]) ** 2))


def ringed_disc(components: Sequence[Component], header: fits.Header) -> tuple[np.ndarray, Table]:
    """Smooth disc with a gap and two rings, of the size, flux and inclination of Sz 114 (DSHARP; Andrews et al. 2018).

    Brightness is sampled at the centres of pixels; its finest structure is 0.03 arcsec wide.

    Parameters
    ----------
    components : sequence of Component
        Not looked at: the disc has no parameters.
    header : Header
        Of the image, with two celestial axes.

    Returns
    -------
    image : ndarray, shape (y, x)
        Jy/arcsec^2.
    truth : Table
        As of `gaussians`, a row for each of `RADII`: ``flux`` is the sum over pixels whose centres are within it of the
        phase centre, on the sky, ``major_arcsec`` and ``minor_arcsec`` are the diameter of that circle.
    """
    shape, cell = (int(header["NAXIS2"]), int(header["NAXIS1"])), pixel_arcsec(header)
    if min(shape) * cell < 2 * max(RADII):
        raise CubefocusError(f"image.size is {min(shape)} px of {cell:g} arcsec, less than the disc; make it larger")
    north, east = np.indices(shape) - np.array([length // 2 for length in shape])[:, None, None]
    north, east = cell * north, -cell * east  # x grows to the west
    angle, squeeze = math.radians(DISC_PA), math.cos(math.radians(DISC_INCLINATION))
    along = east * math.sin(angle) + north * math.cos(angle)
    across = (east * math.cos(angle) - north * math.sin(angle)) / squeeze
    image = _profile(np.hypot(along, across))
    image *= DISC_FLUX / (image.sum() * cell**2)
    rows, centre = [], (shape[1] // 2, shape[0] // 2)
    for number, radius in enumerate(RADII, start=1):
        flux = float(image[np.hypot(east, north) <= radius].sum() * cell**2)
        rows.append(_row(number, *centre, float(image.max()), flux, (2 * radius, 2 * radius, 0.0)))
    return image, _truth(rows, header)


def _profile(radius: np.ndarray) -> np.ndarray:
    """Brightness of the disc over its radius in arcsec, 1 for its smooth part at the centre."""
    smooth = np.exp(-((radius / DISC_SCALE) ** 0.9)) / (1.0 + np.exp((radius - RADII[-1]) / DISC_EDGE))
    relief = sum(height * np.exp2(-4.0 * ((radius - at) / width) ** 2) for at, width, height in RINGS)
    return smooth * (1.0 + relief)


def drawn_components(settings: CoverageSettings, cell_arcsec: float, seed: int, number: int) -> tuple[Component, ...]:
    """Random components of a sky, far enough from each other that the flux of each is a quantity of its own.

    Parameters
    ----------
    settings : CoverageSettings
    cell_arcsec : float
    seed, number : int
        Of the config, and of the sky: the same give the same components.

    Returns
    -------
    tuple of Component
        Brightest peak first. Any two are at least the sum of their major axes (FWHM) apart, and none is further than
        0.3 of the side of the image from its centre, along either axis.

    Raises
    ------
    CubefocusError
        If so many of this size have no place in the image.
    """
    rng = np.random.default_rng(np.random.SeedSequence([seed, number, STREAM]))
    count = settings.components
    peaks = np.sort(_log_uniform(rng, settings.peak, count))[::-1]
    majors = _log_uniform(rng, settings.fwhm_arcsec, count)
    minors = majors * rng.uniform(*settings.axis_ratio, count)
    angles = rng.uniform(0.0, 180.0, count)
    places = _places(rng, majors, SHARE * settings.size * cell_arcsec)
    values = zip(peaks, majors, minors, angles, *places.T, strict=True)
    return tuple(Component(*(float(value) for value in one)) for one in values)


def _log_uniform(rng: np.random.Generator, limits: tuple[float, float], count: int) -> np.ndarray:
    low, high = np.log(limits)
    return np.exp(rng.uniform(low, high, count))


def _places(rng: np.random.Generator, majors: np.ndarray, reach: float) -> np.ndarray:
    """Offsets (east, north) of components, shape (component, 2); the largest choose first."""
    for _ in range(TRIES):
        places = np.full((len(majors), 2), np.inf)
        for one in np.argsort(-majors):
            tried = rng.uniform(-reach, reach, (TRIES, 1, 2))
            free = np.all(np.hypot(*np.moveaxis(tried - places, 2, 0)) >= majors[one] + majors, axis=1)
            if not free.any():
                break
            places[one] = tried[np.argmax(free), 0]
        if np.isfinite(places).all():
            return places
    raise CubefocusError(
        f"coverage.components is {len(majors)}, of FWHM up to {majors.max():.2g} arcsec: they have no place within "
        f"{reach:.3g} arcsec of the centre; take fewer or smaller ones, or a larger coverage.size"
    )
