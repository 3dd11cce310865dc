"""The tables of the chain, one a step, and their rows.

A step makes a table of new rows from that of the step before and changes nothing in it. A row holds the row that it was
made from, all that its step adds, and the reason why the candidate went no further, if it did not; so no row is ever
half filled. Those that were dropped stay in the table of their last step.

======= ========================================== ==========================================================
table   made by                                    a row is
======= ========================================== ==========================================================
blobs   `cubefocus.alma.blobs.find_blobs`          a blob of the probability map
peaks   `cubefocus.alma.lines.find_peaks`          the spectrum of a blob, and its lines
parts   `cubefocus.alma.deblend.focus_field`       a line of a blob: a source of its own, or why it is none
cuts    `cubefocus.alma.morphology.cut`            what is cut out of the cube for a part that is still there
shapes  `cubefocus.alma.morphology.measure_shapes` its shape and position
sources `cubefocus.alma.flux.measure_source`       its fluxes and errors: a row of the catalogue
======= ========================================== ==========================================================
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from cubefocus.tables.columns import BOX

Box = tuple[int, int, int, int]
Key = tuple[int, int]
Flags = frozenset[str]


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


@dataclass(frozen=True)
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

    def columns(self) -> dict[str, Any]:
        """The line's columns of the catalogue; NaN for `NO_LINE`."""
        if self == NO_LINE:
            return dict.fromkeys(("z", "fwhm_z", "z0", "z1", "z_err", "fwhm_z_err"), math.nan)
        values = {"z": self.z, "fwhm_z": self.fwhm, "z0": self.range[0], "z1": self.range[1]}
        return values | {"z_err": self.z_err, "fwhm_z_err": self.fwhm_err}


NO_LINE = Line(0.0, 0.0, 0.0)
"""In the place of a line in an image: its one channel."""


@dataclass(frozen=True, eq=False)
class Blob:
    """Steps 1-2: a blob of the probability map.

    Attributes
    ----------
    number : int
        Its place among the blobs of the cube.
    box : (x0, y0, x1, y1)
        Half-open, pixels.
    probability : float
        Highest value of the map in it.
    centre : (x, y)
        Weighted by the map, pixels.
    """

    number: int
    box: Box
    probability: float
    centre: tuple[float, float]
    stage: Stage = Stage.BLOBS
    reason: Reason = Reason.PENDING
    flags: Flags = frozenset()

    @property
    def key(self) -> Key:
        """Number of the blob, and 0 for its highest peak."""
        return self.number, 0

    def columns(self) -> dict[str, Any]:
        """Its columns of the table of candidates."""
        row: dict[str, Any] = {"x": self.centre[0], "y": self.centre[1], "probability": self.probability, "n_peaks": 0}
        return row | dict(zip(BOX, self.box, strict=True))


@dataclass(frozen=True, eq=False)
class Peaks:
    """Step 3: the spectrum of a blob's box, and the lines in it.

    Attributes
    ----------
    blob : Blob
    clean : ndarray, shape (channel,)
        What the network made of the spectrum.
    lines : tuple of Line
        Highest first.
    """

    blob: Blob
    clean: np.ndarray
    lines: tuple[Line, ...]
    reason: Reason
    flags: Flags
    stage: Stage = Stage.SPECTRA

    @property
    def key(self) -> Key:
        """That of the blob."""
        return self.blob.key

    def columns(self) -> dict[str, Any]:
        """Its columns of the table of candidates."""
        return {"n_peaks": len(self.lines)} | (self.lines[0].columns() if self.lines else {})


@dataclass(frozen=True, eq=False)
class Part:
    """Steps 4-5: a line of a blob, with the place and the box that it has on its own.

    Attributes
    ----------
    peaks : Peaks
    rank : int
        Place of its line among those of the blob: 0 for the highest, the primary; what deblending parts from it has
        another.
    line : Line
        That of its peak; merging may have extended it.
    box, centre
        Those of the blob, or what was grown around its brightest pixel.
    snr_integrated, snr_focused : float
        Global SNR in the integrated and in the focused image; NaN where the decision did not need it.
    pixel_snr : float
        SNR of the brightest pixel of a further peak; NaN for a primary.
    """

    peaks: Peaks
    rank: int
    line: Line
    box: Box
    centre: tuple[float, float]
    stage: Stage
    flags: Flags
    snr_integrated: float = math.nan
    snr_focused: float = math.nan
    pixel_snr: float = math.nan
    reason: Reason = Reason.PENDING

    @property
    def key(self) -> Key:
        """Number of the blob, and the rank of the line."""
        return self.peaks.blob.number, self.rank

    @property
    def alive(self) -> bool:
        """Whether nothing has spoken against it so far."""
        return self.reason is Reason.PENDING

    @property
    def ranges(self) -> np.ndarray:
        """Line ranges of all peaks of its blob, shape (n, 2), and of its own line, which merging may have extended."""
        return np.array([line.range for line in [*self.peaks.lines, self.line]]).reshape(-1, 2)

    @property
    def box_centre(self) -> tuple[float, float]:
        """Centre (x, y) of its box in pixels."""
        x0, y0, x1, y1 = self.box
        return 0.5 * (x0 + x1 - 1), 0.5 * (y0 + y1 - 1)

    def columns(self) -> dict[str, Any]:
        """Its columns of the table of candidates."""
        row: dict[str, Any] = {"x": self.centre[0], "y": self.centre[1], "pixel_snr": self.pixel_snr}
        row |= {"snr_integrated": self.snr_integrated, "snr_focused": self.snr_focused}
        return row | dict(zip(BOX, self.box, strict=True)) | self.line.columns()


@dataclass(frozen=True, eq=False)
class Cut:
    """End of step 5: what is cut out of the cube for a part that is still there.

    Attributes
    ----------
    part : Part
    spectrum : ndarray, shape (channel,)
        Dirty spectrum summed over its box, NaN in blank channels.
    focused : ndarray, shape (size, size)
        Sum over its line around the centre of its box.
    """

    part: Part
    spectrum: np.ndarray
    focused: np.ndarray


@dataclass(frozen=True, eq=False)
class Shape:
    """Step 6: shape and position.

    Attributes
    ----------
    cut : Cut
    x, y : float
        Centre, px.
    sigma_x, sigma_y : float
        Standard deviations along its own axes, px.
    pa : float
        deg.
    """

    cut: Cut
    x: float
    y: float
    sigma_x: float
    sigma_y: float
    pa: float
    flags: Flags
    stage: Stage = Stage.FINAL
    reason: Reason = Reason.PENDING

    @property
    def key(self) -> Key:
        """That of the part."""
        return self.cut.part.key

    def columns(self) -> dict[str, Any]:
        """Its columns of the catalogue."""
        return {"x": self.x, "y": self.y, "sigma_x": self.sigma_x, "sigma_y": self.sigma_y, "pa": self.pa}


@dataclass(frozen=True, eq=False)
class Source:
    """Steps 7-8: a row of the catalogue.

    Attributes
    ----------
    shape : Shape
    line_image : ndarray, shape (size, size)
    values : mapping
        Fluxes and errors by catalogue column.
    """

    shape: Shape
    line_image: np.ndarray
    values: Mapping[str, float]
    flags: Flags
    stage: Stage = Stage.FINAL
    reason: Reason = Reason.KEPT

    @property
    def key(self) -> Key:
        """That of the part."""
        return self.shape.key

    @property
    def cut(self) -> Cut:
        """What was cut out for it."""
        return self.shape.cut

    @property
    def part(self) -> Part:
        """Its line, place and box."""
        return self.shape.cut.part

    def columns(self) -> dict[str, Any]:
        """Its columns of the catalogue."""
        return dict(self.values)


Row = Blob | Peaks | Part | Shape | Source
