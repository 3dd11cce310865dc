"""The noise of a cube as it is: by channel, and by place where it is not the same everywhere.

An image divided by its primary beam is noisier at its edge, a mosaic where fewer pointings overlap, a channel where the
atmosphere is opaque. Both are robust widths of what is there, in which sources hardly count. Of a large cube some of
the voxels tell as much as all of them: they are chosen by the shape of the cube alone, and read channel by channel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt, map_coordinates, maximum_filter, uniform_filter

from cubefocus.cube.scale import gaussian_area
from cubefocus.errors import CubefocusError
from cubefocus.stats.noise import MAD_SCATTER, robust_width

ENOUGH = 400.0  # independent values in a box: its width is then known to 6 per cent
LEAST_BEAMS = 5.0  # side of a box in beams: what stands out of the noise is left out, the rest hardly fills it
LEAST_FILLED = 0.3  # of a box: with less data in it that of its neighbours stands for it
RIM = 3  # beams from the edge of the data within which the noise may be another
LEAST_IN_RING, LEAST_IN_MIDDLE = 30.0, 100.0  # independent values of it, and of what is farther from the edge
FAR = 4.0  # widths of a channel's means over a beam from their median: what is as far is a source, or left by imaging
FEW = 0.002  # share of what is looked at: if no more of it stands out than before, no robust width changes by that
ROUNDS = 4  # of measuring, and looking for what stands out of the noise
LEAST_FREE = 0.2  # share of a channel that is left to measure its noise in; else all of it is taken
CERTAIN = 3.0  # times that scatter: by so much the places must differ, else their noise is the same
IN_CHANNEL = 200_000  # pixels of a channel in which its noise is measured
LEAST_IN_CHANNEL = 20_000  # below which all are looked at
IN_BOX = 2400.0  # independent values of a box that are looked at: its width is known to 2.4 per cent
DENSE = 0.6  # of a beam between neighbouring pixels that are looked at: those between them say nothing new


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

    def within(self, rows: slice, columns: slice) -> Levels:
        """Those of a part of the image."""
        return Levels(self.channel, self.place[rows, columns])

    def scaled(self, data: np.ndarray) -> np.ndarray:
        """A cube in units of its noise, float32; 0 where there is no data."""
        weight = (1.0 / self.channel)[:, None, None] / self.place[None]
        return np.where(np.isfinite(data), data * weight.astype(np.float32), np.float32(0.0))


def measure_levels(data: np.ndarray, beam_px: float) -> Levels:
    """Measure the noise of a cube.

    Parameters
    ----------
    data : ndarray or Windows, shape (channel, y, x)
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
    sample = _Sample(data.shape, max(beam_px, 1.0))
    known = _measured(data, sample)
    share = 0.0
    for _ in range(ROUNDS):
        before, share = share, known.share
        if share <= before + FEW:
            break
        known = _measured(data, sample, known)
    return known.levels


@dataclass(frozen=True, eq=False)
class _Known:
    """The noise of a cube as it was measured once, and what stands out of it.

    Attributes
    ----------
    levels : Levels
    high : dict of int to ndarray of bool, shape (y, x)
        Of the channels that are looked at, what stands out, in the pixels that are looked at.
    share : float
        Of these pixels, that stand out.
    """

    levels: Levels
    high: dict[int, np.ndarray]
    share: float


def _measured(data: np.ndarray, sample: _Sample, known: _Known | None = None) -> _Known:
    """Noise of a cube, without what stands out of a noise that is known."""
    rows, step = sample.rows, sample.step
    channel, inside = np.full(len(data), np.inf), np.zeros(sample.shape, dtype=bool)
    planes, every = list[np.ndarray](), dict[int, np.ndarray]()
    for number in range(len(data)):
        whole = number in sample.channels
        plane = data[number] if whole else data[number, ::rows]
        some = plane[::rows, ::rows] if whole else plane[:, ::rows]
        some = some[sample.free(some, rows, known, number)]
        width = float(robust_width(some)) if some.size else 0.0
        if width > 0:
            channel[number] = width
        if whole and width > 0:
            inside |= np.isfinite(plane)
            coarse = (plane[::step, ::step] / np.float32(width)).astype(np.float32)
            every[number] = coarse
            planes.append(np.where(sample.free(plane[::step, ::step], step, known, number), coarse, np.float32(np.nan)))
    if not np.isfinite(channel).any():
        raise CubefocusError(
            "no channel has noise that could be measured: each is blank, or most of its pixels are the same"
        )
    if not planes:
        return _Known(Levels(channel, np.ones(sample.shape)), {}, 0.0)
    scaled = np.stack(planes)
    place = sample.by_place(scaled, inside)
    scaled /= place[::step, ::step].astype(np.float32)
    place *= sample.at_edge(scaled, inside)
    flat = np.stack(list(every.values())) / place[::step, ::step].astype(np.float32)
    if (place != 1.0).any():  # the width of a channel was that of all places mixed, which is none of them
        clean = flat[np.isfinite(scaled)]
        width = robust_width(clean[:: max(1, clean.size // (10 * IN_CHANNEL))])
        channel *= width
        flat /= np.float32(width)
    high = {number: sample.stands_out(plane, step) for number, plane in zip(every, flat, strict=True)}
    share = sum(int(one.sum()) for one in high.values()) / max(int(np.isfinite(flat).sum()), 1)
    return _Known(Levels(channel, place), high, share)


class _Sample:
    """Which voxels of a cube tell how its noise differs from place to place, and what they tell."""

    def __init__(self, shape: tuple[int, ...], beam_px: float) -> None:
        n_channels, n_y, n_x = shape
        self.shape, self.beam_px = (n_y, n_x), beam_px
        self.area = gaussian_area(beam_px, beam_px)
        # A box of at least some beams has as many independent values as are wanted in so many channels.
        self.side = max(LEAST_BEAMS * beam_px, math.sqrt(ENOUGH * self.area / n_channels))
        wanted = min(n_channels, math.ceil(IN_BOX * self.area / self.side**2))
        self.channels = set(np.linspace(0, n_channels - 1, wanted).round().astype(int).tolist())
        self.step = max(1, math.floor(DENSE * beam_px))
        # Neighbours in a beam say the same; more than so many say no more.
        few, most = (math.isqrt(n_y * n_x // wanted) for wanted in (LEAST_IN_CHANNEL, IN_CHANNEL))
        self.rows = max(1, most, min(self.step, few))

    def free(self, values: np.ndarray, spacing: int, known: _Known | None, number: int) -> np.ndarray:
        """Pixels of a channel with data that do not stand out of a noise that is known; all if next to none is left."""
        held = np.isfinite(values)
        if known is None or not np.isfinite(known.levels.channel[number]):
            return held
        if spacing == self.step and number in known.high:
            high = known.high[number]
        else:
            noise = known.levels.channel[number] * known.levels.place[::spacing, ::spacing]
            high = self.stands_out((values / noise).astype(np.float32), spacing)
        free = held & ~high
        return free if free.sum() > LEAST_FREE * held.sum() else held

    def stands_out(self, plane: np.ndarray, spacing: int) -> np.ndarray:
        """Pixels of what is far above or below the noise over a beam, in a channel in units of it, (y, x).

        A source that fills a third of an image makes the robust width of its channel twice that of the noise.
        """
        side, held = max(1, round(self.beam_px / spacing)), np.isfinite(plane)
        smooth = uniform_filter(np.where(held, plane, np.float32(0.0)), side, mode="constant")
        found, before = np.zeros(plane.shape, dtype=bool), -1
        while int(found.sum()) > before:
            before = int(found.sum())
            rest = smooth[held & ~found]
            if rest.size:
                high = np.abs(smooth - float(np.median(rest))) > FAR * robust_width(rest)
                found |= maximum_filter(high & held, side) & held
        return found

    def by_place(self, scaled: np.ndarray, inside: np.ndarray) -> np.ndarray:
        """Relative noise of each pixel: robust widths in half overlapping boxes, interpolated between their centres."""
        shape, side, step = self.shape, self.side, self.step
        counts = [max(1, round(2.0 * size / side) - 1) for size in shape]
        if min(counts) < 2:
            return np.ones(shape)
        corners = [np.linspace(0.0, size - side, count) for size, count in zip(shape, counts, strict=True)]
        levels = np.full(tuple(counts), np.nan)
        for row, low_y in enumerate(corners[0]):
            for column, low_x in enumerate(corners[1]):
                (top, bottom), (left, right) = (
                    (math.ceil(round(low) / step), math.ceil(round(low + side) / step)) for low in (low_y, low_x)
                )
                box = scaled[:, top:bottom, left:right]
                values = box[np.isfinite(box)]
                if values.size >= LEAST_FILLED * box.size:
                    levels[row, column] = robust_width(values)
        known = np.isfinite(levels) & (levels > 0)
        if known.sum() < 2:
            return np.ones(shape)
        independent = side**2 / self.area * len(scaled)
        if np.std(levels[known]) < CERTAIN * MAD_SCATTER / math.sqrt(independent) * np.median(levels[known]):
            return np.ones(shape)
        nearest = distance_transform_edt(~known, return_distances=False, return_indices=True)
        filled = levels[tuple(nearest)]
        gaps = [(corner[1] - corner[0]) for corner in corners]
        at = [(np.arange(size) - 0.5 * side + 0.5) / gap for size, gap in zip(shape, gaps, strict=True)]
        found = np.exp(map_coordinates(np.log(filled), np.meshgrid(*at, indexing="ij"), order=1, mode="nearest"))
        return found / float(np.median(found[inside]))

    def at_edge(self, scaled: np.ndarray, inside: np.ndarray) -> np.ndarray:
        """Noise by the distance to where the data end, over that of the rest: no box is as narrow as such an edge."""
        distance = distance_transform_edt(np.pad(inside, 1))[1:-1, 1:-1] / self.beam_px
        factor, step = np.ones(self.shape), self.step
        coarse = distance[::step, ::step]
        own = self.area / step**2  # pixels that are looked at, in a beam
        middle = scaled[:, coarse > RIM]
        middle = middle[np.isfinite(middle)]
        known = middle.size / own
        if known < LEAST_IN_MIDDLE:
            return factor
        usual = robust_width(middle[:: max(1, middle.size // (10 * IN_CHANNEL))])
        for near in range(RIM):
            within = (distance > near) & (distance <= near + 1)
            values = scaled[:, within[::step, ::step] & inside[::step, ::step]]
            values = values[np.isfinite(values)]
            scatter = MAD_SCATTER * math.sqrt(1.0 / max(values.size / own, 1.0) + 1.0 / known)
            if values.size > LEAST_IN_RING * own and robust_width(values) > (1.0 + CERTAIN * scatter) * usual:
                factor[inside & within] = robust_width(values) / usual
        return factor
