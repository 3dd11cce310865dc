"""What a source measures like without any model: sums and moments over the voxels of its island.

A source that rotates or has rings is no Gaussian, and what one makes of it is a bright part of it. Sums over the voxels
that belong together are what SoFiA gives, and say what the source holds above the threshold of the linking.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.ndimage import binary_dilation, gaussian_filter, label

from cubefocus.cube.scale import SIGMA_TO_FWHM
from cubefocus.search.levels import Levels

LEAST_OFF = 4  # channels off the line in which the continuum is measured
FILLS = 0.6  # of the channels that its pixels are in, of an island that is in all because of its continuum
LEAST_SHARE = 0.3  # of the band, too, where the island fills it
STANDS_OUT = 3.0  # errors of a channel from the continuum there: it is on the line
LINE = 5.0  # significance of a line on a continuum
ROUNDS = 10  # of telling channels on the line from those off it
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
    total, total_err : float
        Sum over all of its voxels, Jy/beam.
    width, width_err : float
        Channels between the outermost ones at half of the highest sum (W50); NaN for a source without a line.
    flux, flux_err : float
        Sum over voxels of the line, Jy/beam; NaN for a source without a line.
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
    total: float
    total_err: float
    width: float = math.nan
    width_err: float = math.nan
    flux: float = math.nan
    flux_err: float = math.nan
    continuum: float = math.nan
    continuum_err: float = math.nan


def measure(
    data: np.ndarray,
    levels: Levels,
    mask: np.ndarray,
    window: tuple[slice, ...],
    beam: tuple[float, float, float],
    spread: Callable[[np.ndarray, slice, slice], float] | None = None,
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
    spread : callable, optional
        Variance of the noise of a sum over pixels, a mask in some rows and columns of the image, over the sum of their
        variances; that of noise with the correlation of the beam if left out.

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
    footprint = np.asarray(grown.any(axis=0))
    alike = 4.0 * math.pi * sigma**2 if spread is None else spread(footprint, rows, columns)
    whole = np.where(grown, noise[channels], 0.0)
    total, total_err = float((values[channels] * grown).sum()), math.sqrt(float(_variances(whole, grown, alike).sum()))
    off = held.any(axis=(1, 2))
    off[max(0, channels.start - 1) : channels.stop + 1] = False
    line: slice | None = channels
    if off.sum() < LEAST_OFF and fills_band(mask.sum(axis=0), int(held.any(axis=(1, 2)).sum())):
        line, off = _line_on_continuum(values, noise, held, footprint, channels, alike)
    level, continuum, continuum_err = _continuum(values, noise, held, off, footprint, alike)
    known: dict[str, Any] = {"total": total, "total_err": total_err, "continuum": continuum,
                             "continuum_err": continuum_err}  # fmt: skip
    own = _within(mask, window, place)
    if line is None:
        centre = _centre(np.where(own, values[channels], 0.0), np.where(own, noise[channels], 0.0), place, sigma)
        return Moments(**centre | {"z": math.nan, "z_err": math.nan}, **known)
    part = slice(line.start - channels.start, line.stop - channels.start)
    own, grown = own[part], grown[part]
    in_line = values[line] - (level if abs(continuum) > SURE * continuum_err else 0.0)
    inside = in_line * grown
    by_channel = _variances(noise[line] * grown, grown, alike)
    variance = float(by_channel.sum())
    if abs(continuum) > SURE * continuum_err:
        variance += (continuum_err * float(grown.sum()) / max(int(footprint.sum()), 1)) ** 2
    width, width_err = _width(inside.sum(axis=(1, 2)), np.sqrt(by_channel))
    return Moments(
        **_centre(np.where(own, in_line, 0.0), np.where(own, noise[line], 0.0), (line, rows, columns), sigma),
        width=width,
        width_err=width_err,
        flux=float(inside.sum()),
        flux_err=math.sqrt(variance),
        **known,
    )


def fills_band(counts: np.ndarray, n_channels: int) -> bool:
    """Whether it is the continuum that links an island through the band: most of its pixels are in it in all channels.

    A source that rotates may fill the band as well, but each of its pixels some channels only.

    Parameters
    ----------
    counts : ndarray of int
        Channels of each of its pixels.
    n_channels : int
        Of the cube, with data.
    """
    return bool((counts**2).sum() > FILLS * n_channels * counts.sum())


def _variances(noise: np.ndarray, inside: np.ndarray, alike: float) -> np.ndarray:
    """Of the sum over the pixels inside, of each channel, with noise (channel, y, x) that is alike over so many."""
    number = np.minimum(np.maximum(inside.sum(axis=(1, 2)), 1), alike)
    return number * (noise**2).sum(axis=(1, 2))


def _line_on_continuum(
    values: np.ndarray, noise: np.ndarray, held: np.ndarray, footprint: np.ndarray, channels: slice, alike: float
) -> tuple[slice | None, np.ndarray]:
    """Channels of the line of an island that the continuum links through the band, None if it has none; those off it.

    Most channels of the sum over its pixels, in which bright ones weigh more, are alike then, and the line is what
    stands out of them. Where they are not, the line fills the band: it is all of the island, and no channel tells the
    continuum.
    """
    alive = np.asarray(held.any(axis=(1, 2)))
    weight = values.mean(axis=0).clip(min=0.0) * footprint
    spectrum = (values * weight).sum(axis=(1, 2))
    error = np.sqrt(_variances(noise * weight, held & footprint, alike))
    nothing, off = np.zeros(len(alive), dtype=bool), alive
    level = 0.0
    for _ in range(ROUNDS):
        level = float(np.median(spectrum[off]))
        before, off = off, np.asarray(alive & ~binary_dilation(np.abs(spectrum - level) > STANDS_OUT * error))
        if off.sum() < max(LEAST_OFF, LEAST_SHARE * alive.sum()):
            return channels, nothing
        if (before == off).all():
            break
    runs, number = label(alive & ~off)
    strength = [
        (spectrum - level)[runs == run].sum() / math.sqrt(float((error[runs == run] ** 2).sum()))
        for run in range(1, number + 1)
    ]
    if not strength or max(strength) < LINE:
        return None, off
    found = np.flatnonzero(runs == int(np.argmax(strength)) + 1)
    first, last = max(int(found[0]), channels.start), min(int(found[-1]) + 1, channels.stop)
    return (slice(first, last), off) if first < last else (None, off)


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
