"""Which sources of a cube are fitted together, and in which part of it.

A beam that is slightly wrong does not shift places as long as what is far away has no say, and what is fitted is as
large as the part of the image: so each source is fitted in a window around it, together with the others that are in it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cubefocus.cube.cube import Cube
from cubefocus.cube.scale import gaussian_area

MARGIN = 6.0  # FWHM of the beam around an island
ENOUGH = 4000.0  # independent values in a window: the noise is measured in it


@dataclass(frozen=True)
class Window:
    """A part of the image with all channels.

    Attributes
    ----------
    rows, columns : slice
    members : list of int
        Islands that are fitted in it.
    """

    rows: slice
    columns: slice
    members: list[int]

    @property
    def corner(self) -> tuple[int, int]:
        """First row and column."""
        return self.rows.start, self.columns.start

    def of(self, cube: Cube) -> Cube:
        """This part of a cube, in memory."""
        return part_of(cube, slice(0, len(cube.data)), self.rows, self.columns)


def part_of(cube: Cube, channels: slice, rows: slice, columns: slice) -> Cube:
    """A part of a cube, with the header that places it."""
    header = cube.header.copy()
    for axis, start in ((1, columns.start), (2, rows.start), (3, channels.start)):
        if f"CRPIX{axis}" in header:
            header[f"CRPIX{axis}"] -= start
    beams = None if cube.beams is None else cube.beams[channels]
    frequencies = None if cube.channels_hz is None else cube.channels_hz[channels]
    return Cube(cube.data[channels, rows, columns], header, beams, frequencies)


def windows_of(
    boxes: np.ndarray, members: Sequence[int], shape: tuple[int, ...], beam: tuple[float, float, float],
    most_voxels: float,
) -> list[Window]:  # fmt: skip
    """Windows for the fit of some islands, each of them in one.

    Parameters
    ----------
    boxes : ndarray of int, shape (n, 4)
        x0, y0, x1, y1 of all islands, half-open.
    members : sequence of int
        Those that are fitted.
    shape : (channel, y, x)
    beam : (major, minor, angle)
        FWHM in pixels.
    most_voxels : float
        Of a window: where the islands are so dense, or so large, that those that touch need more, the margins are
        narrower.

    Returns
    -------
    list of Window
        In the order of their first islands. None holds a part of an island of another.
    """
    area = gaussian_area(*beam[:2])
    wide = max(MARGIN * beam[0], 0.5 * math.sqrt(ENOUGH * area / shape[0]))
    margin = wide
    while True:
        found = _joined(boxes, members, shape, margin)
        largest = max((_area(*one[:2]) for one in found), default=0)
        if largest * shape[0] <= most_voxels or margin < beam[0]:
            return [Window(*one) for one in found]
        margin *= 0.7


def _joined(
    boxes: np.ndarray, members: Sequence[int], shape: tuple[int, ...], margin: float
) -> list[tuple[slice, slice, list[int]]]:
    """Boxes with margins, those that reach into each other's islands joined until none does."""
    inner = [boxes[number].astype(float) for number in members]
    groups = [[number] for number in members]
    number = 0
    while number < len(inner):
        outer = _grown(inner[number], margin)
        for other in range(len(inner)):
            if other != number and _overlap(outer, inner[other]):
                first, last = sorted((number, other))
                low, high = np.minimum(inner[first], inner[last])[:2], np.maximum(inner[first], inner[last])[2:]
                inner[first] = np.concatenate([low, high])
                groups[first] += groups[last]
                del inner[last], groups[last]
                number = -1  # what has grown may reach others
                break
        number += 1
    found = []
    for box, group in zip(inner, groups, strict=True):
        x0, y0, x1, y1 = _grown(box, margin)
        rows = slice(max(0, math.floor(y0)), min(shape[1], math.ceil(y1)))
        columns = slice(max(0, math.floor(x0)), min(shape[2], math.ceil(x1)))
        found.append((rows, columns, sorted(group)))
    return found


def _grown(box: np.ndarray, margin: float) -> np.ndarray:
    """A box with a margin, at least its own size, which is what a source shows of itself below the threshold."""
    return box + max(margin, float((box[2:] - box[:2]).max())) * np.array([-1.0, -1.0, 1.0, 1.0])


def _overlap(one: np.ndarray, other: np.ndarray) -> bool:
    return bool((one[:2] < other[2:]).all() and (other[:2] < one[2:]).all())


def _area(rows: slice, columns: slice) -> int:
    return (rows.stop - rows.start) * (columns.stop - columns.start)
