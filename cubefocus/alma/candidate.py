"""What the chain passes from step to step: fields (one a cube), candidates, lines, and why a candidate was dropped."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

import numpy as np

from cubefocus.cube.blanks import Blanks, find_blanks
from cubefocus.cube.cube import Cube
from cubefocus.cube.cutouts import channel_slice, channel_sum, line_free
from cubefocus.errors import CubefocusError
from cubefocus.stats.noise import thermal_rms

log = logging.getLogger(__name__)

LEAST_CHANNELS = 4
LEAST_SHARE = 0.25  # of the channels that a pixel must have to be searched: with fewer its noise is twice the others'

Box = tuple[int, int, int, int]
NO_BOX: Box = (0, 0, 0, 0)


class Stage(StrEnum):
    """The last step that a candidate entered."""

    BLOBS = "blobs"
    SPECTRA = "spectra"
    FOCUS = "focus"
    DEBLEND = "deblend"
    FINAL = "final"


class Reason(StrEnum):
    """Why a candidate is not in the catalogue; KEPT if it is, PENDING while the chain has not decided."""

    PENDING = "pending"
    KEPT = "kept"
    NO_PEAK = "no_peak"  # the cleaned spectrum has no peak
    CONDITION_1 = "condition_1"  # faint in the integrated image, and focusing does not raise its SNR
    CONDITION_2 = "condition_2"  # further peak at the primary's place and range that adds no SNR
    MERGED = "merged"  # further peak that is part of the primary's line, which was extended
    SAME_PLACE = "same_place"  # further peak outside the primary's range but at its place
    FAINT_PIXEL = "faint_pixel"  # further peak whose brightest pixel is not above the noise
    OTHER_CANDIDATE = "other_candidate"  # further peak that belongs to another candidate's box and line
    LOW_SNR = "low_snr"  # focused Global SNR below the least one


@dataclass
class Line:
    """A peak of a cleaned spectrum.

    Attributes
    ----------
    z, fwhm : float
        Centre and full width at half maximum of the Gaussian fit, in channels.
    height : float
        Value of the cleaned spectrum at the peak.
    z_err, fwhm_err : float
        Standard errors from the covariance of the fit; NaN if it has none.
    fitted : bool
        False if the fit failed: centre and width are then those read off the peak.
    """

    z: float
    fwhm: float
    height: float
    z_err: float = math.nan
    fwhm_err: float = math.nan
    fitted: bool = True

    @property
    def range(self) -> tuple[float, float]:
        """Line range (z0, z1) in channels: centre -+ FWHM."""
        return self.z - self.fwhm, self.z + self.fwhm

    def overlaps(self, other: Line) -> bool:
        """Whether the line ranges of two peaks have channels in common."""
        return self.range[0] <= other.range[1] and other.range[0] <= self.range[1]


@dataclass(eq=False)
class Candidate:
    """A possible source, from the blob to the catalogue.

    Attributes
    ----------
    box : (x0, y0, x1, y1)
        Half-open, pixels.
    probability : float
        Highest value of the probability map in the blob.
    centre : (x, y)
        Brightness-weighted centre, pixels.
    blob : (x0, y0, x1, y1)
        Box of the blob, which deblending leaves as it is; the same as ``box`` if not given.
    lines : list of Line
        All peaks of its spectrum, highest first.
    line : Line or None
        The one that is its own.
    spectrum, clean : ndarray, shape (channel,)
        Dirty spectrum summed over the box, and what the network made of it.
    measured : dict
        Parameters and their errors by catalogue column name.
    """

    box: Box
    probability: float
    centre: tuple[float, float]
    blob: Box = NO_BOX
    lines: list[Line] = field(default_factory=list)
    line: Line | None = None
    spectrum: np.ndarray | None = None
    clean: np.ndarray | None = None
    focused: np.ndarray | None = None
    line_image: np.ndarray | None = None
    snr_integrated: float = math.nan
    snr_focused: float = math.nan
    pixel_snr: float = math.nan
    stage: Stage = Stage.BLOBS
    reason: Reason = Reason.PENDING
    parent: Candidate | None = None
    flags: set[str] = field(default_factory=set)
    measured: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Start from the blob's box."""
        if self.blob == NO_BOX:
            self.blob = self.box

    @property
    def alive(self) -> bool:
        """Whether nothing has spoken against it so far."""
        return self.reason in (Reason.PENDING, Reason.KEPT)

    @property
    def ranges(self) -> np.ndarray:
        """Line ranges of all its peaks, shape (n, 2), and of its own line, which merging may have extended."""
        own = [] if self.line is None else [self.line]
        return np.array([line.range for line in [*self.lines, *own]]).reshape(-1, 2)

    @property
    def box_centre(self) -> tuple[float, float]:
        """Centre (x, y) of its box in pixels."""
        x0, y0, x1, y1 = self.box
        return 0.5 * (x0 + x1 - 1), 0.5 * (y0 + y1 - 1)

    def drop(self, reason: Reason) -> None:
        """Keep it out of the catalogue for this reason."""
        self.reason = reason


@dataclass(eq=False)
class Field:
    """One cube on its way through the chain.

    Attributes
    ----------
    cube : Cube
        With NaN in all blank voxels, however they were marked.
    cube_id : int
    integrated : ndarray, shape (y, x)
        Sum over all channels with data, NaN where the cube holds none, or in too few channels.
    blanks : Blanks
    probability : ndarray, shape (y, x)
        Map of Blobs Finder, 0 where it was not looked at.
    """

    cube: Cube
    cube_id: int
    integrated: np.ndarray
    blanks: Blanks
    probability: np.ndarray | None = None
    candidates: list[Candidate] = field(default_factory=list)
    _planes: dict[tuple[int, int], np.ndarray] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, cube: Cube, cube_id: int) -> Field:
        """Find the blanks of a cube, say what was taken as blank, and integrate it.

        Raises
        ------
        CubefocusError
            If fewer than four of its channels hold data, or it has no finite value, or the same value everywhere.
        """
        n_channels = cube.data.shape[0]
        if n_channels < LEAST_CHANNELS:
            raise CubefocusError(
                f"cube {cube_id} has {n_channels} channel(s): lines cannot be told from continuum; give at least 4"
            )
        data, blanks = find_blanks(cube.data)
        if not blanks.pixels.any():
            raise CubefocusError(f"cube {cube_id} holds no finite value (all NaN); check how it was made or masked")
        if (held := int(blanks.channels.sum())) < LEAST_CHANNELS:
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
        return cls(cube if data is cube.data else Cube(data, cube.header), cube_id, image, blanks)

    @property
    def alive(self) -> list[Candidate]:
        """Candidates that nothing speaks against so far."""
        return [candidate for candidate in self.candidates if candidate.alive]

    @property
    def n_channels(self) -> int:
        """Number of channels of the cube."""
        return self.cube.data.shape[0]

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
