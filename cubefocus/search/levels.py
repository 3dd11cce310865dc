"""The noise of a cube as it is: by channel, and by place where it is not the same everywhere.

An image divided by its primary beam is noisier at its edge, a mosaic where fewer pointings overlap, a channel where the
atmosphere is opaque. Both are robust widths of what is there, in which sources hardly count.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt, map_coordinates

from cubefocus.cube.scale import gaussian_area
from cubefocus.errors import CubefocusError
from cubefocus.stats.noise import robust_width

ENOUGH = 400.0  # independent values in a box: its width is then known to 6 per cent
LEAST_BEAMS = 8.0  # side of a box in beams: a source hardly fills half of it
LEAST_FILLED = 0.3  # of a box: with less data in it that of its neighbours stands for it
SCATTER = 1.17  # of a robust width of n values, relative and times the root of n
RIM = 3  # beams from the edge of the data within which the noise may be another
LEAST_IN_RING = 30.0  # independent values of it
CERTAIN = 3.0  # times that scatter: by so much the places must differ, else their noise is the same


@dataclass(frozen=True, eq=False)
class Levels:
    """Standard deviation of the noise, the product of one number for each channel and one for each pixel.

    Attributes
    ----------
    channel : ndarray, shape (channel,)
        Unit of the cube; infinite for a channel without data.
    place : ndarray, shape (y, x)
        Relative, with the median 1; 1 everywhere where no difference can be told from the scatter.
    """

    channel: np.ndarray
    place: np.ndarray

    @property
    def rms(self) -> float:
        """Of the median channel with data, unit of the cube."""
        return float(np.median(self.channel[np.isfinite(self.channel)]))

    @property
    def by_place(self) -> bool:
        """Whether the noise differs from place to place."""
        return bool((self.place != 1.0).any())

    def scaled(self, data: np.ndarray) -> np.ndarray:
        """A cube in units of its noise, float32; 0 where there is no data."""
        weight = (1.0 / self.channel)[:, None, None] / self.place[None]
        return np.where(np.isfinite(data), data * weight.astype(np.float32), np.float32(0.0))


def measure_levels(data: np.ndarray, beam_px: float) -> Levels:
    """Measure the noise of a cube.

    Parameters
    ----------
    data : ndarray, shape (channel, y, x)
        NaN where there is none.
    beam_px : float
        FWHM of the beam, over which noise is alike, pixels.

    Returns
    -------
    Levels

    Raises
    ------
    CubefocusError
        If no channel has noise: all are blank, or most of the pixels of each are the same.
    """
    held = np.isfinite(data)
    channel = np.full(len(data), np.inf)
    for number, plane in enumerate(data):
        width = robust_width(plane[held[number]]) if held[number].any() else 0.0
        if width > 0:
            channel[number] = width
    if not np.isfinite(channel).any():
        raise CubefocusError(
            "no channel has noise that could be measured: each is blank, or most of its pixels are the same"
        )
    used = np.flatnonzero(np.isfinite(channel))
    scaled = np.where(held[used], data[used] / channel[used, None, None], np.nan)
    place = _by_place(scaled, beam_px)
    place = place * _at_edge(scaled / place, beam_px)
    if (place != 1.0).any():  # the width of a channel was that of all places mixed, which is none of them
        flat = scaled / place
        channel = channel * robust_width(flat[np.isfinite(flat)])
    return Levels(channel, place)


def _at_edge(scaled: np.ndarray, beam_px: float) -> np.ndarray:
    """Noise by the distance to where the data end, over that of the rest: no box is as narrow as such an edge."""
    inside = np.isfinite(scaled).any(axis=0)
    distance = distance_transform_edt(np.pad(inside, 1))[1:-1, 1:-1] / max(beam_px, 1.0)
    factor = np.ones(inside.shape)
    middle = scaled[:, distance > RIM]
    area = gaussian_area(max(beam_px, 1.0), max(beam_px, 1.0))
    if np.isfinite(middle).sum() < ENOUGH * area:
        return factor
    usual = robust_width(middle[np.isfinite(middle)])
    for near in range(RIM):
        ring = inside & (distance > near) & (distance <= near + 1)
        values = scaled[:, ring]
        values = values[np.isfinite(values)]
        scatter = SCATTER / math.sqrt(max(values.size / area, 1.0))
        if values.size > LEAST_IN_RING * area and robust_width(values) > (1.0 + CERTAIN * scatter) * usual:
            factor[ring] = robust_width(values) / usual
    return factor


def _by_place(scaled: np.ndarray, beam_px: float) -> np.ndarray:
    """Relative noise of each pixel: robust widths in half overlapping boxes, interpolated between their centres."""
    shape = scaled.shape[1:]
    area = gaussian_area(max(beam_px, 1.0), max(beam_px, 1.0))
    side = max(LEAST_BEAMS * beam_px, math.sqrt(ENOUGH * area / len(scaled)))
    counts = [max(1, round(2.0 * size / side) - 1) for size in shape]
    if min(counts) < 2:
        return np.ones(shape)
    corners = [np.linspace(0.0, size - side, count) for size, count in zip(shape, counts, strict=True)]
    levels = np.full(tuple(counts), np.nan)
    for row, low_y in enumerate(corners[0]):
        for column, low_x in enumerate(corners[1]):
            box = scaled[:, round(low_y) : round(low_y + side), round(low_x) : round(low_x + side)]
            values = box[np.isfinite(box)]
            if values.size >= LEAST_FILLED * box.size:
                levels[row, column] = robust_width(values)
    known = np.isfinite(levels) & (levels > 0)
    if known.sum() < 2:
        return np.ones(shape)
    independent = side**2 / area * len(scaled)
    if np.std(levels[known]) < CERTAIN * SCATTER / math.sqrt(independent) * np.median(levels[known]):
        return np.ones(shape)
    nearest = distance_transform_edt(~known, return_distances=False, return_indices=True)
    filled = levels[tuple(nearest)]
    step = [(corner[1] - corner[0]) for corner in corners]
    at = [(np.arange(size) - 0.5 * side + 0.5) / gap for size, gap in zip(shape, step, strict=True)]
    found = np.exp(map_coordinates(np.log(filled), np.meshgrid(*at, indexing="ij"), order=1, mode="nearest"))
    return found / float(np.median(found[np.isfinite(scaled).any(axis=0)]))
