"""Which voxels of a cube hold no data, decided once: everything after it knows blanks as NaN, and never as zeros.

Observatories and programs mark what was not observed, flagged or cut off in several ways: NaN, infinities, the largest
float, exact zeros, or some other constant. Taken as data, such a mark pulls sums, continua and noise towards itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.ndimage import binary_opening, label

LARGEST = 1e30
"""Jy/beam and the like: no brightness, but what fills a gap (3.4e38 of IRAF, 9.97e36 of netCDF)."""

LEAST_AREA = 5
"""Side in pixels of the smallest square of exact zeros in one plane that counts as blank: data that were rounded to
few levels hold zeros side by side, but not 25 of them."""

LEAST_PIXELS = 9
"""Pixels that must hold the same constant in all channels for it to be a mark other than zero: a constant spectrum on
its own may be a continuum without noise."""


@dataclass(frozen=True)
class Blanks:
    """Where a cube holds data.

    Attributes
    ----------
    channels : ndarray of bool, shape (channel,)
        True if any pixel of the channel holds data.
    pixels : ndarray of bool, shape (y, x)
        True if any channel of the pixel does.
    partial : bool
        Whether any voxel is blank in a pixel that holds data in another channel; blank channels do that everywhere.
    notes : tuple of str
        What was taken as blank although it is not plainly NaN in whole pixels; for the user.
    """

    channels: np.ndarray
    pixels: np.ndarray
    partial: bool
    notes: tuple[str, ...] = ()


def find_blanks(data: np.ndarray) -> tuple[np.ndarray, Blanks]:
    """Mark all blank voxels of a cube as NaN.

    Parameters
    ----------
    data : ndarray of float, shape (channel, y, x)

    Returns
    -------
    data : ndarray, same shape
        The same array where nothing but NaN is blank, else a copy: blank are infinities and values beyond `LARGEST`;
        channels that hold one value; pixels that are exactly 0 in all channels, or hold one other constant in all of
        them with at least `LEAST_PIXELS` pixels alike; and areas of exact zeros in a plane that hold, with the blanks
        beside them, a square of `LEAST_AREA` pixels, as left by a primary beam cut that changes with frequency.
    blanks : Blanks
    """
    notes: list[str] = []
    data = _without_infinities(data, notes)
    data = _without_constant_channels(data, notes)
    data = _without_constant_pixels(data, notes)
    data = _without_zero_areas(data, notes)
    # Summed in the search for what is valid: NaN spreads, so that most cubes need one pass only.
    complete = np.isfinite(data.sum(axis=0, dtype=np.float64))
    pixels = complete.copy()
    pixels[~complete] = np.isfinite(data[:, ~complete]).any(axis=0)
    partly = pixels & ~complete
    channels = np.ones(len(data), dtype=bool)
    if not complete.any():
        channels = np.array([bool(np.isfinite(plane).any()) for plane in data])
    if partly.any():
        notes += _partial_notes(data, channels, pixels)
    return data, Blanks(channels, pixels, bool(partly.any()), tuple(notes))


def _without_infinities(data: np.ndarray, notes: list[str]) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        # Such a voxel shows in the sum over its pixel; most pixels are done with that.
        odd = ~(np.abs(data.sum(axis=0, dtype=np.float64)) <= LARGEST)
        odd[odd] = (np.abs(data[:, odd]) > LARGEST).any(axis=0)
        if not odd.any():
            return data
        wild = (np.abs(data) > LARGEST) & odd
    notes.append(f"{int(wild.sum())} voxel(s) that are infinite or beyond {LARGEST:g} are taken as blank")
    return np.where(wild, data.dtype.type(np.nan), data)


def _without_constant_channels(data: np.ndarray, notes: list[str]) -> np.ndarray:
    """Blank channels that hold one value in all pixels with data, at least two of them."""
    number = [index for index, plane in enumerate(data) if _constant(plane)]
    if not number or len(number) == len(data):
        return data
    notes.append(f"{len(number)} channel(s) that hold one value in every pixel are taken as blank")
    return _blanked(data, np.s_[number])


def _constant(plane: np.ndarray) -> bool:
    few = plane[:: max(plane.shape[0] // 16, 1), :: max(plane.shape[1] // 16, 1)]
    few = few[np.isfinite(few)]
    if few.size and few.min() != few.max():  # nearly all planes end here
        return False
    finite = plane[np.isfinite(plane)]
    return finite.size > 1 and bool(finite.min() == finite.max())


def _without_constant_pixels(data: np.ndarray, notes: list[str]) -> np.ndarray:
    """Blank pixels that hold the same value in all channels with data: 0, or one that many pixels share."""
    seen = [index for index, plane in enumerate(data) if np.isfinite(plane).any()]
    if len(seen) < 2:
        return data
    with np.errstate(invalid="ignore"):
        alike = (data[seen[0]] == data[seen[-1]]) & (data[seen[0]] == data[seen[len(seen) // 2]])
    if not alike.any():
        return data
    spectra = data[:, alike][seen]
    alike[alike] = (spectra == spectra[0]).all(axis=0)
    values, counts = np.unique(data[seen[0]][alike], return_counts=True)
    marks = values[(values == 0) | (counts >= LEAST_PIXELS)]
    blank = alike & np.isin(data[seen[0]], marks)
    if not blank.any() or blank.all():
        return data
    shown = ", ".join(f"{value:g}" for value in marks[:3]) + (", ..." if len(marks) > 3 else "")
    notes.append(f"{int(blank.sum())} pixels that are exactly {shown} in every channel are taken as blank")
    return _blanked(data, np.s_[:, blank])


def _without_zero_areas(data: np.ndarray, notes: list[str]) -> np.ndarray:
    """Blank areas of exact zeros in single planes."""
    zero = data == 0
    counts = zero.sum(axis=(1, 2))
    blank = np.zeros(0, dtype=bool)
    if counts.max() >= LEAST_AREA**2:
        blank = np.zeros_like(zero)
        for index in np.flatnonzero(counts >= LEAST_AREA**2):
            blank[index] = zero[index] & _area(zero[index] | np.isnan(data[index]))
    if not blank.any() or blank.all():
        return data
    notes.append(f"{int(blank.sum())} voxels in areas of exact zeros are taken as blank")
    return _blanked(data, blank)


def _area(mask: np.ndarray) -> np.ndarray:
    """Those connected parts of a mask that hold a square of `LEAST_AREA` pixels, which may reach over the edge."""
    square = np.ones((LEAST_AREA, LEAST_AREA), dtype=bool)
    opened = binary_opening(np.pad(mask, LEAST_AREA, constant_values=True), square)
    parts, _ = label(mask, structure=np.ones((3, 3)))
    return mask & np.isin(parts, np.unique(parts[opened[LEAST_AREA:-LEAST_AREA, LEAST_AREA:-LEAST_AREA] & mask]))


def _blanked(data: np.ndarray, where: Any) -> np.ndarray:
    changed = data.copy()
    changed[where] = np.nan
    return changed


def _partial_notes(data: np.ndarray, channels: np.ndarray, pixels: np.ndarray) -> list[str]:
    notes = []
    if not channels.all():
        gone = np.flatnonzero(~channels).tolist()
        notes.append(
            f"{len(gone)} of {len(channels)} channels ({_ranges(gone)}) hold no data and are left out of sums, noise "
            "and continuum; spectra are interpolated across them for the networks"
        )
    held = data[channels][:, pixels]
    missing = int(np.count_nonzero(np.isnan(held)))
    if missing:
        notes.append(
            f"{missing} single voxels ({100 * missing / held.size:.2g} %) hold no data in pixels that do in other "
            "channels; sums there are scaled from the channels that do"
        )
    return notes


def _ranges(numbers: Sequence[int]) -> str:
    """Channels as text, neighbours joined: 0-7, 12."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][-1] + 1:
            parts[-1].append(number)
        else:
            parts.append([number])
    return ", ".join(str(part[0]) if len(part) == 1 else f"{part[0]}-{part[-1]}" for part in parts)


LONGEST_GAP = 3
"""Blank channels in a row across which a spectrum is interpolated; a noisy value that is stretched over more of them
would look like a line."""


def fill_spectra(spectra: np.ndarray, levels: np.ndarray | None = None) -> np.ndarray:
    """Give blank channels of spectra a value that looks like no line and hides none.

    Parameters
    ----------
    spectra : ndarray, shape (n, channel)
        NaN where there is no data.
    levels : ndarray, shape (n,), optional
        Level of each spectrum outside its lines; the median of its channels if left out.

    Returns
    -------
    ndarray, same shape
        Interpolated linearly across at most `LONGEST_GAP` channels between channels with data, the level elsewhere;
        0 in a spectrum without data. The same array where nothing is blank.
    """
    blank = ~np.isfinite(spectra)
    if not blank.any():
        return spectra
    filled = spectra.copy()
    for row in np.flatnonzero(blank.any(axis=1)):
        seen = spectra[row][~blank[row]]
        level = float(np.median(seen)) if levels is None and len(seen) else 0.0
        filled[row] = _filled(spectra[row], blank[row], level if levels is None else float(levels[row]))
    return filled


def _filled(spectrum: np.ndarray, blank: np.ndarray, level: float) -> np.ndarray:
    if blank.all():
        return np.zeros_like(spectrum)
    channels, seen = np.arange(len(spectrum)), np.flatnonzero(~blank)
    after = np.searchsorted(seen, channels)
    inside = (after > 0) & (after < len(seen))
    gap = np.full(len(spectrum), LONGEST_GAP + 1)
    gap[inside] = seen[after[inside]] - seen[after[inside] - 1] - 1
    near = np.interp(channels, seen, spectrum[seen])
    values = np.where(gap <= LONGEST_GAP, near, level)
    return np.where(blank, values, spectrum).astype(spectrum.dtype)
