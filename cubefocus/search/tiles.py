"""A cube in parts that fit into memory: which they are, and what the search of all of them gives together.

The parts are parts of the image, with all channels, since a flat spectrum is a template too. They overlap by what the
widest template sees, so that each voxel is told by a part that knows all around it. The noise of the templates is
measured once, in places that depend on the shape of the cube alone. So it does not matter in how many parts a cube is
searched.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from cubefocus.cube.cutouts import channel_sum
from cubefocus.errors import CubefocusError
from cubefocus.search.bank import STEPS, reach_of
from cubefocus.search.levels import Levels
from cubefocus.search.linking import Voxels
from cubefocus.search.proposers import proposer

HELD = 28  # bytes a voxel of a part, while it is searched
OF_FIT = 60  # bytes a voxel of what is fitted
BESIDE = 1e9  # bytes that are there beside it: the program and its libraries
MOST_TILES = 64  # along each axis
LEAST_VOXELS = 8e6  # of a part, however little memory there may be
IN_MEMORY = 8  # bytes a voxel of a cube that is in memory as a whole: its values, and their significance


def most_in_memory(memory_gb: float) -> float:
    """Bytes of the values of a cube that is read as a whole and searched in one part, of so much memory."""
    return max(1e9 * memory_gb - BESIDE, 0.0) / (HELD + IN_MEMORY) * 4.0


def voxels_in(memory_gb: float, data: np.ndarray, snr: np.ndarray | None = None) -> float:
    """Voxels of a part that is searched within so much memory, of a cube that may be in it as well."""
    held = sum(one.nbytes for one in (data, snr) if isinstance(one, np.ndarray))
    return max((1e9 * memory_gb - BESIDE - held) / HELD, LEAST_VOXELS)


def voxels_of_fit(memory_gb: float, data: np.ndarray, snr: np.ndarray | None = None) -> float:
    """Voxels of a window whose sources are fitted within so much memory, of a cube that may be in it as well."""
    return voxels_in(memory_gb, data, snr) * HELD / OF_FIT


@dataclass(frozen=True)
class Tile:
    """A part of the image: what is read, and what of it is told."""

    rows: slice
    columns: slice
    core_rows: slice
    core_columns: slice

    @property
    def core(self) -> tuple[slice, slice]:
        """What is told, counted from the first pixel that is read."""
        return tuple(
            slice(core.start - whole.start, core.stop - whole.start)
            for core, whole in ((self.core_rows, self.rows), (self.core_columns, self.columns))
        )  # type: ignore[return-value]


def tiles_of(shape: tuple[int, int, int], reach: int, most_voxels: float) -> list[Tile]:
    """Parts of a cube (channel, y, x) of at most so many voxels each, overlapping by ``reach`` pixels on each side.

    They are as few as possible, near to squares, and begin at multiples of the distance in which coarse templates are
    looked at.

    Raises
    ------
    CubefocusError
        If none is as small as that.
    """
    n_channels, *sizes = shape
    grid = max(STEPS)
    counts = [list(range(1, math.ceil(size / grid) + 1)) for size in sizes]
    cuts = [[_cuts(size, count, reach, grid) for count in some[:MOST_TILES]]
            for size, some in zip(sizes, counts, strict=True)]  # fmt: skip
    widest = [[max(whole.stop - whole.start for whole, _ in one) for one in along] for along in cuts]
    fitting = [
        ((along_y + 1) * (along_x + 1), abs(math.log(high / wide)), along_y, along_x)
        for along_y, high in enumerate(widest[0])
        for along_x, wide in enumerate(widest[1])
        if n_channels * high * wide <= most_voxels
    ]
    if not fitting:
        least = n_channels * min(widest[0]) * min(widest[1])
        raise CubefocusError(
            f"no part of a cube of {n_channels} channels that overlaps others by {reach} px, which the widest template "
            f"sees, fits into memory; give at least {(least * HELD + BESIDE) / 1e9:.2g} GB"
        )
    _, _, along_y, along_x = min(fitting)
    return [
        Tile(wide_y, wide_x, core_y, core_x)
        for wide_y, core_y in cuts[0][along_y]
        for wide_x, core_x in cuts[1][along_x]
    ]


def _cuts(size: int, count: int, reach: int, grid: int) -> list[tuple[slice, slice]]:
    """Whole and core of each part along an axis."""
    edges = sorted({min(size, grid * round(size * at / (count * grid))) for at in range(count)} | {0, size})
    found = []
    for start, stop in pairwise(edges):
        first = max(0, (start - reach) // grid * grid)
        found.append((slice(first, min(size, stop + reach)), slice(start, stop)))
    return found


@dataclass
class Searched:
    """What stands out of a cube.

    Attributes
    ----------
    above, below : Voxels
        With more than the threshold, of what is above the noise and of what is below it.
    highest : ndarray, shape (y, x)
        Highest significance of each pixel.
    total : ndarray, shape (y, x)
        Sum of the cube over its channels.
    alive : ndarray of bool, shape (channel,)
        Channels with data.
    """

    above: Voxels
    below: Voxels
    highest: np.ndarray
    total: np.ndarray
    alive: np.ndarray


def search_tiles(
    data: np.ndarray, levels: Levels, beam: tuple[float, float, float], threshold: float, most_voxels: float,
    device: str = "cpu", snr: np.ndarray | None = None, proposals: Sequence[str] = ("matched",),
) -> Searched:  # fmt: skip
    """Search a cube part by part.

    Parameters
    ----------
    data : ndarray or Windows, shape (channel, y, x)
    levels : Levels
    beam : (major, minor, angle)
        FWHM in pixels, and deg.
    threshold : float
        Significance of the voxels that are told.
    most_voxels : float
        Of a part, with what it overlaps.
    device : str
    snr : ndarray, shape (channel, y, x), optional
        Gets the significance of all voxels, negative where what is below the noise stands out more.
    proposals : sequence of str
        What tells what stands out of a part: names of `cubefocus.specs.PROPOSERS`.

    Raises
    ------
    CubefocusError
        If the image is not larger than the beam.
    """
    shape = data.shape
    parts = tiles_of((shape[0], shape[1], shape[2]), reach_of(beam), most_voxels)
    propose = proposer(proposals, data, levels, beam, device, len(parts) > 1)
    n_channels = int(np.isfinite(levels.channel).sum())
    highest, total = np.zeros(shape[1:], dtype=np.float32), np.full(shape[1:], np.nan)
    alive, above, below = np.zeros(shape[0], dtype=bool), [], []
    for tile in parts:
        values = data[:, tile.rows, tile.columns]
        found = propose(values, levels.within(tile.rows, tile.columns), beam)
        alive |= found.alive
        corner, core = (0, tile.core_rows.start, tile.core_columns.start), (slice(None), *tile.core)
        place = (tile.core_rows, tile.core_columns)
        total[place] = channel_sum(values[core], n_channels)
        up, down = (np.ascontiguousarray(one[core]) for one in (found.positive, found.negative))
        del values, found
        above.append(Voxels.above(up, threshold, corner))
        below.append(Voxels.above(down, threshold, corner))
        highest[place] = up.max(axis=0)
        if snr is not None:
            stronger = down > up
            np.copyto(up, -down, where=stronger)
            snr[:, tile.core_rows, tile.core_columns] = up
    return Searched(Voxels.joined(above), Voxels.joined(below), highest, total, alive)
