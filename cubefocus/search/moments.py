"""What a source measures like without any model: sums and moments over the voxels of its island.

A source that rotates or has rings is no Gaussian, and what one makes of it is a bright part of it. Sums over the voxels
that belong together are what SoFiA gives, and say what the source holds above the threshold of the linking.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.ndimage import binary_dilation, gaussian_filter

from cubefocus.cube.scale import SIGMA_TO_FWHM
from cubefocus.search.levels import Levels

LEAST_OFF = 4  # channels off the line in which the continuum is measured
SURE = 3.0  # errors of a continuum that is taken away
GROWN = 0.5  # FWHM of the beam around the island: what of a source is below the threshold there


@dataclass(frozen=True, eq=False)
class Moments:
    """Of an island, on the cube's own scale; NaN for what it does not have.

    Attributes
    ----------
    x, y, z : float
        Centre of its flux, pixels and channels.
    x_err, y_err, z_err : float
    moments : ndarray, shape (2, 2)
        Second moments (xx, xy; xy, yy) on the sky, not deconvolved, pixels^2.
    covariance : ndarray, shape (5, 5)
        Of x, y, xx, xy and yy.
    width, width_err : float
        Channels between the outermost ones at half of the highest sum (W50).
    flux : float
        Sum over voxels of the line, Jy/beam; of a source without a line that of its pixels, mean of the channels.
    flux_err : float
    total : float
        As flux, with the continuum, whatever it is.
    continuum, continuum_err : float
        Sum over its pixels of the mean of the channels off the line, Jy/beam.
    """

    x: float
    y: float
    z: float
    x_err: float
    y_err: float
    z_err: float
    moments: np.ndarray
    covariance: np.ndarray
    width: float
    width_err: float
    flux: float
    flux_err: float
    total: float
    continuum: float = math.nan
    continuum_err: float = math.nan


def measure(
    data: np.ndarray, levels: Levels, mask: np.ndarray, window: tuple[slice, ...], beam: tuple[float, float, float]
) -> Moments:
    """Measure an island.

    Parameters
    ----------
    data : ndarray, shape (channel, y, x)
        Jy/beam, NaN where there is none.
    levels : Levels
        Its noise.
    mask : ndarray of bool
        Voxels of the island in its window.
    window : tuple of slice
    beam : (major, minor, angle)
        FWHM, pixels; over which noise is alike.

    Returns
    -------
    Moments
        Errors are those of noise that is alike over the beam, and not from channel to channel.
    """
    grown, place = _grown(mask, window, data.shape, math.sqrt(beam[0] * beam[1]))
    channels, rows, columns = place
    held = np.isfinite(data[:, rows, columns])
    values = np.where(held, data[:, rows, columns], 0.0).astype(np.float64)
    noise = levels.channel[:, None, None] * levels.place[None, rows, columns]
    noise = np.where(held & np.isfinite(noise), noise, 0.0)
    sigma = math.sqrt(beam[0] * beam[1]) / SIGMA_TO_FWHM
    alike = 4.0 * math.pi * sigma**2  # pixels: area of the noise's autocorrelation
    off = held.any(axis=(1, 2))
    off[max(0, channels.start - 1) : channels.stop + 1] = False
    footprint = np.asarray(grown.any(axis=0))
    level, total, total_err = _continuum(values, noise, held, off, footprint, alike)
    line = values[channels] - (level if abs(total) > SURE * total_err else 0.0)
    inside = line * grown
    n_pixels = grown.sum(axis=(1, 2))
    spread = np.minimum(np.maximum(n_pixels, 1), alike)
    variance = float((spread[:, None, None] * (noise[channels] * grown) ** 2).sum())
    if abs(total) > SURE * total_err:
        variance += (total_err * float(n_pixels.sum()) / max(int(footprint.sum()), 1)) ** 2
    own = _within(mask, window, place)
    by_channel = np.sqrt(spread * ((noise[channels] * grown) ** 2).sum(axis=(1, 2)))
    width, width_err = _width(inside.sum(axis=(1, 2)), by_channel)
    return Moments(
        **_centre(np.where(own, line, 0.0), np.where(own, noise[channels], 0.0), place, sigma),
        width=width,
        width_err=width_err,
        flux=float(inside.sum()),
        flux_err=math.sqrt(variance),
        total=float((values[channels] * grown).sum()),
        continuum=total,
        continuum_err=total_err,
    )


def _grown(
    mask: np.ndarray, window: tuple[slice, ...], shape: tuple[int, ...], fwhm: float
) -> tuple[np.ndarray, tuple[slice, ...]]:
    """An island with what is around it, and where that is: a channel on both sides, and half a beam."""
    reach = max(1, round(GROWN * fwhm))
    margins = (1, reach, reach)
    place = tuple(
        slice(max(0, part.start - margin), min(size, part.stop + margin))
        for part, size, margin in zip(window, shape, margins, strict=True)
    )
    disc = np.hypot(*np.mgrid[-reach : reach + 1, -reach : reach + 1]) <= reach
    grown = binary_dilation(_within(mask, window, place), np.stack([disc] * 3))
    return grown, place


def _within(mask: np.ndarray, window: tuple[slice, ...], place: tuple[slice, ...]) -> np.ndarray:
    """A mask in another, larger window."""
    whole = np.zeros(tuple(part.stop - part.start for part in place), dtype=bool)
    whole[tuple(slice(w.start - p.start, w.stop - p.start) for w, p in zip(window, place, strict=True))] = mask
    return whole


def _continuum(
    values: np.ndarray, noise: np.ndarray, held: np.ndarray, off: np.ndarray, footprint: np.ndarray, alike: float
) -> tuple[np.ndarray, float, float]:
    """Mean of the channels off the line in each pixel, its sum over an island's pixels, and the error of that."""
    if off.sum() < LEAST_OFF:
        return np.zeros(footprint.shape), math.nan, math.nan
    number = np.maximum(held[off].sum(axis=0), 1)
    level = values[off].sum(axis=0) / number
    variance = (noise[off] ** 2).sum(axis=0) / number**2
    n_pixels = int(footprint.sum())
    return level, float(level[footprint].sum()), math.sqrt(min(n_pixels, alike) * float(variance[footprint].sum()))


def _centre(line: np.ndarray, noise: np.ndarray, place: tuple[slice, ...], sigma: float) -> dict[str, Any]:
    """Centre of the flux with its errors, and second moments on the sky."""
    total = float(line.sum())
    z, y, x = (np.arange(part.start, part.stop, dtype=float) for part in place)
    grids = {"z": z[:, None, None], "y": y[None, :, None], "x": x[None, None, :]}
    found: dict[str, Any] = {}
    for name, grid in grids.items():
        found[name] = float((line * grid).sum()) / total
    alike = 4.0 * math.pi * sigma**2
    found["z_err"] = math.sqrt(alike * float((((grids["z"] - found["z"]) * noise) ** 2).sum())) / abs(total)
    image = line.sum(axis=0)
    dx, dy = np.broadcast_arrays(x[None, :] - found["x"], y[:, None] - found["y"])
    parts = np.stack([dx, dy, dx**2, dx * dy, dy**2])
    xx, xy, yy = (float((image * part).sum()) / total for part in parts[2:])
    # Noise is alike over the beam: what changes sign within one is not summed as if it were independent.
    weighted = (parts - np.array([0.0, 0.0, xx, xy, yy])[:, None, None]) * np.sqrt((noise**2).sum(axis=0))
    alike_around = 2.0 * math.pi * sigma**2 * gaussian_filter(weighted, (0.0, sigma, sigma), mode="constant")
    covariance = np.tensordot(weighted, alike_around, axes=((1, 2), (1, 2))) / total**2
    found |= {"x_err": math.sqrt(covariance[0, 0]), "y_err": math.sqrt(covariance[1, 1])}
    return found | {"moments": np.array([[xx, xy], [xy, yy]]), "covariance": covariance}


def _width(spectrum: np.ndarray, noise: np.ndarray) -> tuple[float, float]:
    """Channels between the outermost places where a spectrum passes half of its highest value, and the error."""
    highest = int(np.argmax(spectrum))
    half = 0.5 * float(spectrum[highest])
    above = np.flatnonzero(spectrum >= half)
    if not len(above) or half <= 0:
        return math.nan, math.nan
    ends, variance = [], 0.0
    for last, step in ((int(above[0]), -1), (int(above[-1]), 1)):
        beyond = last + step
        if not 0 <= beyond < len(spectrum):
            ends.append(last + 0.5 * step)
            variance += 1.0 / 12.0  # where in the channel it ends is not known
            continue
        slope = float(spectrum[last] - spectrum[beyond])
        share = float(spectrum[last] - half) / slope
        ends.append(last + step * share)
        own = ((1.0 - share) * noise[last]) ** 2 + (share * noise[beyond]) ** 2 + (0.5 * noise[highest]) ** 2
        variance += float(own) / slope**2
    return float(ends[1] - ends[0]), math.sqrt(variance)
