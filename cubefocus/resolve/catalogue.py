"""Sources of a posterior: found in its mean, measured in each of its samples, with the spread of these as errors.

There is a source where the mean is above a number of standard deviations of the posterior, and two peaks are two
sources where the valley between them is deeper than as many of the lower one: the posterior itself is the noise, and
zero is the floor of the last valley. The finders of the package measure one noise, or one that is smooth, in the image;
that of a log-normal sky differs from pixel to pixel by orders of magnitude.

All this is done with samples that are smoothed by half the resolution of the data: below that they differ from pixel to
pixel by as much as the prior lets them, which makes peaks of what is none; their sum is what the data tell. Sizes are
told without it. A source reaches as far as a true box does:
down to a share of its own peak. Flux and widths are corrected for what a Gaussian has below that, as BLOBCAT's are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from astropy.table import Table
from scipy.ndimage import find_objects, gaussian_filter
from scipy.stats import norm as normal
from scipy.stats import t as student
from skimage.measure import label
from skimage.morphology import local_maxima, reconstruction
from skimage.segmentation import watershed

from cubefocus.alma.catalogue import build_table, iau_name
from cubefocus.cube.celestial import celestial_wcs, equatorial, frame_of, local_axes, pixel_arcsec
from cubefocus.cube.scale import SIGMA_TO_FWHM
from cubefocus.find.blobcat import flux_fraction
from cubefocus.find.interface import EIGHT_CONNECTED
from cubefocus.resolve.posterior import Posterior
from cubefocus.tables.columns import BOX, Column, define

SMOOTHING = 0.5  # FWHM of the Gaussian that samples are smoothed with, over the resolution of the data
SURE = 2.0  # standard deviations, of infinitely many samples
LEAST = 3.0  # significance of a source
LEVEL = 0.15  # of its peak, down to which a source reaches
# Moments of u = r^2 / (2 sigma^2) over the part of a Gaussian above that: exponential, from 0 to -log(LEVEL).
_END = -math.log(LEVEL)
# Share of its second moments that is seen there, and of a shift of its centre.
MOMENT_FRACTION = 1.0 - LEVEL * _END / (1.0 - LEVEL)
_SQUARE = (2.0 - LEVEL * (_END**2 + 2.0 * _END + 2.0)) / (1.0 - LEVEL)
# Share of a change of its variance that is seen there, over MOMENT_FRACTION.
WIDTH_RESPONSE = _SQUARE / MOMENT_FRACTION - MOMENT_FRACTION

_SPREAD = "standard deviation over the samples"
_MOMENTS = "of a Gaussian with the second moments of its pixels, mean over the samples"


def _of(name: str, description: str, unit: str | None = None) -> Column:
    """A column with the meaning, and the unit, that it has here."""
    column = define(name, description)
    return column if unit is None else replace(column, unit=unit)


COLUMNS = (
    define("cube_id"),
    define("source_id", "number of the source, highest flux first"),
    *map(define, ("name", "frame")),
    _of("x", "centre of brightness, 0-based, pixel centres at integers; mean over the samples"),
    _of("y", "centre of brightness, 0-based, pixel centres at integers; mean over the samples"),
    *map(define, ("ra", "dec", *BOX)),
    _of("flux", f"flux density above {LEVEL:g} of the peak, over the {1 - LEVEL:g} that a Gaussian has there", "Jy"),
    _of("flux_err", _SPREAD, "Jy"),
    _of("peak", "brightness where the posterior mean is highest, both smoothed by half the resolution", "Jy / arcsec2"),
    replace(define("peak_mjy_err", _SPREAD), name="peak_err", unit="Jy / arcsec2"),
    _of("major", f"full width at half maximum along the major axis {_MOMENTS}"),
    _of("minor", f"full width at half maximum along the minor axis {_MOMENTS}"),
    _of("position_angle", "position angle of the major axis, north through east; mean over the samples"),
    _of("significance", "flux over flux_err"),
    _of("snr", "peak over peak_err"),
    *(_of(f"{name}_err", _SPREAD) for name in ("x", "y", "ra", "dec", "major", "minor", "position_angle")),
)


@dataclass(frozen=True)
class _Seen:
    """Samples as they are searched: of one sign, and smoothed.

    Attributes
    ----------
    brightness : ndarray, shape (sample, y, x)
        Jy/arcsec^2, positive where sources are looked for.
    sigma_px : float
        Standard deviation of the smoothing.
    cell_arcsec : float
    """

    brightness: np.ndarray
    sigma_px: float
    cell_arcsec: float


@dataclass(frozen=True)
class _Measured:
    """A source in each sample, arrays of shape (sample,): Jy, Jy/arcsec^2, pixels, arcsec, deg."""

    flux: np.ndarray
    peak: np.ndarray
    x: np.ndarray
    y: np.ndarray
    major: np.ndarray
    minor: np.ndarray
    angle: np.ndarray


def catalogue(
    posterior: Posterior, resolution_arcsec: float = 0.0, cube_id: int = 0, *, where: np.ndarray | None = None
) -> Table:
    """Sources of a posterior.

    Parameters
    ----------
    posterior : Posterior
        Where its sky may be negative, sources of both signs are looked for.
    resolution_arcsec : float
        Of the data, see `cubefocus.resolve.visibilities.resolution_arcsec`; 0: the samples are not smoothed.
    cube_id : int
        Number of the image, for `cubefocus.tables.matching`.
    where : ndarray of bool, shape (y, x), optional
        Where sources are looked for; everywhere if not given.

    Returns
    -------
    Table
        With `COLUMNS`, a row each source whose flux is at least `LEAST` of its deviations, highest flux first.
    """
    cell = pixel_arcsec(posterior.header)
    sigma = SMOOTHING * resolution_arcsec / cell / SIGMA_TO_FWHM
    smooth = gaussian_filter(posterior.samples, (0.0, sigma, sigma), mode="constant")
    if where is not None:
        smooth = np.where(where, smooth, 0.0)
    rows = []
    for sign in (1, -1) if (posterior.samples < 0).any() else (1,):
        seen = _Seen(sign * smooth, sigma, cell)
        numbered = regions(seen.brightness.mean(axis=0), seen.brightness.std(axis=0, ddof=1), sure_of(len(smooth)))
        for number, window in enumerate(find_objects(numbered), start=1):
            measured = _measure(seen, numbered[window] == number, window) if window else None
            if measured is not None:
                signed = replace(measured, flux=sign * measured.flux, peak=sign * measured.peak)
                rows.append(_row(posterior, signed, window))
    rows.sort(key=lambda row: -abs(row["flux"]))
    return build_table(COLUMNS, [{**row, "source_id": n, "cube_id": cube_id} for n, row in enumerate(rows)])


def sure_of(samples: int) -> float:
    """Standard deviations that are as improbable as `SURE`, where these are measured from a few samples.

    Samples come in pairs that mirror each other, so half of them tell of the deviation (Student's t).
    """
    return float(student.isf(normal.sf(SURE), max(samples // 2 - 1, 1)))


def regions(mean: np.ndarray, deviation: np.ndarray, sure: float) -> np.ndarray:
    """Number the pixels of sources.

    Parameters
    ----------
    mean, deviation : ndarray, shape (y, x)
    sure : float
        Deviations by which a pixel exceeds zero, or a peak the valley beside it.

    Returns
    -------
    ndarray of int, shape (y, x)
        0 outside the sources, then 1, 2, ...
    """
    # Maxima that stand by more than that out of the way to a higher one; others are overgrown from their neighbour.
    lowered = reconstruction(mean - sure * deviation, mean, footprint=EIGHT_CONNECTED)
    peaks = label(local_maxima(lowered, connectivity=2), connectivity=2)
    above = np.unique(peaks[mean > sure * deviation])
    peaks[np.isin(peaks, above, invert=True)] = 0
    basins = watershed(-mean, peaks, connectivity=2)
    found = np.zeros_like(basins)
    for number, window in enumerate(find_objects(basins), start=1):
        if window is not None:
            inside = _core(np.where(basins[window] == number, mean[window], -np.inf), deviation[window])
            found[window][inside] = number
    return found


def _core(mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """Pixels about the peak of a basin that are bright enough, and told by more than their prior."""
    peak = np.unravel_index(int(mean.argmax()), mean.shape)
    parts = label((mean >= LEVEL * mean[peak]) & (mean > deviation), connectivity=2)
    return (parts == parts[peak]) & (parts > 0)


def _measure(seen: _Seen, inside: np.ndarray, window: tuple[slice, slice]) -> _Measured | None:
    """What the pixels of a source say in each sample; None if its flux is not sure."""
    brightness = np.where(inside, seen.brightness[:, *window], 0.0)
    flux = brightness.sum(axis=(1, 2)) * seen.cell_arcsec**2 / flux_fraction(LEVEL, 1.0)
    if not flux.mean() >= LEAST * flux.std(ddof=1):
        return None
    highest = np.unravel_index(int(brightness.mean(axis=0).argmax()), inside.shape)
    peak = brightness[:, highest[0], highest[1]]
    centre, covariance = _moments(np.maximum(brightness, 0.0))
    widths, axes = np.linalg.eigh(covariance)  # the widest axis last
    variances = _spread(widths.T, WIDTH_RESPONSE) / MOMENT_FRACTION - seen.sigma_px**2
    minor, major = SIGMA_TO_FWHM * seen.cell_arcsec * np.sqrt(np.maximum(variances, 0.0))
    angle = np.degrees(np.arctan2(-axes[:, 0, 1], axes[:, 1, 1])) % 180.0
    x, y = _spread(centre, MOMENT_FRACTION) + np.array([[window[1].start], [window[0].start]])
    return _Measured(flux, peak, x, y, major, minor, angle)


def _spread(values: np.ndarray, response: float) -> np.ndarray:
    """Undo that pixels which are the same in all samples (..., sample) see a part of the samples' differences alone."""
    mean = values.mean(axis=-1, keepdims=True)
    return mean + (values - mean) / response


def _moments(brightness: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First (axis, sample) and central second moments (sample, axis, axis) of images (sample, y, x), x before y."""
    share = brightness / brightness.sum(axis=(1, 2), keepdims=True)
    y, x = np.indices(brightness.shape[1:])
    centre = np.stack([(share * axis).sum(axis=(1, 2)) for axis in (x, y)])
    away = np.stack([axis - middle[:, None, None] for axis, middle in zip((x, y), centre, strict=True)])
    return centre, np.einsum("syx,isyx,jsyx->sij", share, away, away)


def _row(posterior: Posterior, source: _Measured, window: tuple[slice, slice]) -> dict[str, Any]:
    """Means and deviations over the samples."""
    row: dict[str, Any] = {"x0": window[1].start, "y0": window[0].start, "x1": window[1].stop, "y1": window[0].stop}
    for name in ("flux", "peak", "x", "y", "major", "minor"):
        values = getattr(source, name)
        row[name], row[f"{name}_err"] = float(values.mean()), float(values.std(ddof=1))
    row["significance"] = _ratio(abs(row["flux"]), row["flux_err"])
    row["snr"] = _ratio(abs(row["peak"]), row["peak_err"])
    row["position_angle"], row["position_angle_err"] = _mean_angle(source.angle)
    return row | _on_the_sky(posterior, source, row["x"], row["y"])


def _ratio(value: float, error: float) -> float:
    return value / error if error > 0 else math.inf


def _mean_angle(degrees: np.ndarray) -> tuple[float, float]:
    """Mean and deviation of axes, for which 179 and 1 deg are 2 deg apart."""
    mean = 0.5 * float(np.degrees(np.angle(np.exp(2j * np.radians(degrees)).mean()))) % 180.0
    apart = (degrees - mean + 90.0) % 180.0 - 90.0
    return mean, float(np.sqrt((apart**2).sum() / (len(degrees) - 1)))


def _on_the_sky(posterior: Posterior, source: _Measured, x: float, y: float) -> dict[str, Any]:
    """Direction of a source and its deviations there."""
    wcs = celestial_wcs(posterior.header)
    place = equatorial(wcs, x, y)
    ra, dec = float(place.ra.deg), float(place.dec.deg)
    east, north = local_axes(wcs, x, y)[0] @ np.stack([source.x, source.y])
    errors = {"ra_err": float(east.std(ddof=1)), "dec_err": float(north.std(ddof=1))}
    return {"ra": ra, "dec": dec, "name": iau_name(ra, dec), "frame": frame_of(wcs), **errors}
