"""The data of one cube, as all steps of the chain look at them: blanks found, integrated, with sums that are kept."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from cubefocus.alma.rows import Line
from cubefocus.cube.blanks import Blanks, find_blanks
from cubefocus.cube.cube import Cube
from cubefocus.cube.cutouts import channel_slice, channel_sum, line_free
from cubefocus.errors import CubefocusError
from cubefocus.stats.noise import thermal_rms

log = logging.getLogger(__name__)

LEAST_CHANNELS = 4
LEAST_SHARE = 0.25  # of the channels that a pixel must have to be searched: with fewer its noise is twice the others'


@dataclass(frozen=True, eq=False)
class Field:
    """One cube that is searched. Nothing in it changes; sums that several steps ask for are kept.

    Attributes
    ----------
    cube : Cube
        With NaN in all blank voxels, however they were marked.
    cube_id : int
    integrated : ndarray, shape (y, x)
        Sum over all channels with data, NaN where the cube holds none, or in too few channels.
    blanks : Blanks
    """

    cube: Cube
    cube_id: int
    integrated: np.ndarray
    blanks: Blanks
    _planes: dict[tuple[int, int], np.ndarray] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, cube: Cube, cube_id: int) -> Field:
        """Find the blanks of a cube, say what was taken as blank, and integrate it.

        Raises
        ------
        CubefocusError
            If it has two or three channels, or fewer than four of them hold data, or it has no finite value, or the
            same value everywhere. One channel is an image, which has no lines and is searched for its continuum.
        """
        n_channels = cube.data.shape[0]
        if 1 < n_channels < LEAST_CHANNELS:
            raise CubefocusError(
                f"cube {cube_id} has {n_channels} channels: lines cannot be told from continuum; give at least 4, or "
                "one image"
            )
        data, blanks = find_blanks(cube.data)
        if not blanks.pixels.any():
            raise CubefocusError(f"cube {cube_id} holds no finite value (all NaN); check how it was made or masked")
        if (held := int(blanks.channels.sum())) < LEAST_CHANNELS and n_channels > 1:
            raise CubefocusError(
                f"cube {cube_id} holds data in {held} of {n_channels} channels: lines cannot be told from continuum; "
                "give at least 4"
            )
        image = _sum(data, blanks, LEAST_SHARE).astype(np.float32)
        seen = np.isfinite(image)
        if not seen.any() or np.ptp(image[seen]) == 0:
            raise CubefocusError(f"cube {cube_id} has the same value in every pixel; there is nothing to detect")
        notes = list(blanks.notes)
        if (few := int((blanks.pixels & ~seen).sum())) > 0:
            notes.append(f"{few} pixels hold data in less than {LEAST_SHARE:.0%} of the channels and are not searched")
        if notes:
            log.warning("cube %d: %s", cube_id, "; ".join(notes))
        return cls(cube if data is cube.data else cube.with_data(data), cube_id, image, blanks)

    @property
    def n_channels(self) -> int:
        """Number of channels of the cube."""
        return self.cube.data.shape[0]

    @property
    def is_image(self) -> bool:
        """Whether it has one channel: an image, in which all flux is continuum."""
        return self.n_channels == 1

    @cached_property
    def cell_arcsec(self) -> float:
        """Pixel size along y; NaN if the header has no celestial axes. Kept, because the header is read for it."""
        return self.cube.cell_arcsec

    @cached_property
    def voxel_rms(self) -> float:
        """Noise of a voxel in the unit of the cube, from differences between channels on a coarse grid of pixels."""
        step = max(min(self.integrated.shape) // 64, 1)
        return thermal_rms(self.cube.data[:, ::step, ::step])

    def channel_sum(self, z0: float, z1: float) -> np.ndarray:
        """Sum of the whole plane over a line range, shape (y, x), NaN where the cube holds no data."""
        channels = channel_slice(z0, z1, self.n_channels)
        key = (channels.start, channels.stop)
        if key not in self._planes:  # several steps look at the same line
            plane = _sum(self.cube.data[channels], self.blanks)
            plane[np.isnan(self.integrated)] = np.nan
            self._planes[key] = plane.astype(np.float32)
        return self._planes[key]

    def forget(self) -> None:
        """Let go of the planes that were summed."""
        self._planes.clear()

    def continuum(self, ranges: np.ndarray) -> np.ndarray:
        """Mean of the channels with data outside line ranges (n, 2), shape (y, x); 0 if they leave no channel."""
        free = line_free(ranges, self.n_channels) & self.blanks.channels
        if not free.any():
            return np.zeros_like(self.integrated)
        if self.blanks.partial:
            return (channel_sum(self.cube.data[free]) / free.sum()).astype(np.float32)
        taken = self.cube.data[~free].sum(axis=0, dtype=np.float64).astype(np.float32)
        return (self.integrated - taken) / int(free.sum())

    def line_sum(self, line: Line, continuum: np.ndarray) -> np.ndarray:
        """Sum of the whole plane over a line less a continuum image (y, x) in each of its channels with data."""
        own = channel_slice(*line.range, self.n_channels)
        return self.channel_sum(*line.range) - int(self.blanks.channels[own].sum()) * continuum


def _sum(data: np.ndarray, blanks: Blanks, least_share: float = 0.0) -> np.ndarray:
    """Sum of channels; where no single voxel is blank, NaN stands in the right pixels by itself."""
    return channel_sum(data, least_share=least_share) if blanks.partial else data.sum(axis=0, dtype=np.float64)
