"""Which sources of a cube are fitted together, and in which part of it.

A beam that is slightly wrong does not shift places as long as what is far away has no say, and what is fitted is as
large as the part of the image: so each source is fitted in a window around it, together with the others that are in it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

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
        Islands whose sources are told from it.
    others : list of int
        Islands that reach into it and are fitted with them, and told from another window.
    """

    rows: slice
    columns: slice
    members: list[int]
    others: list[int] = field(default_factory=list)

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
        Of a window: islands near each other are not fitted in one where it would be larger. Each then has those
        around it as others.

    Returns
    -------
    list of Window
        In the order of their first islands.
    """
    area = gaussian_area(*beam[:2])
    margin = max(MARGIN * beam[0], 0.5 * math.sqrt(ENOUGH * area / shape[0]))
    inner, groups = _joined(boxes[list(members)], [[number] for number in members], shape, margin, most_voxels)
    found = []
    for box, group in zip(inner, groups, strict=True):
        rows, columns = _inside(_grown(box, margin), shape)
        window = np.array([columns.start, rows.start, columns.stop, rows.stop])
        others = [number for number in members if number not in group and _overlap(window, boxes[number])]
        found.append(Window(rows, columns, sorted(group), others))
    return sorted(found, key=lambda window: window.members[0])


def _joined(
    boxes: np.ndarray, groups: list[list[int]], shape: tuple[int, ...], margin: float, most_voxels: float
) -> tuple[np.ndarray, list[list[int]]]:
    """Boxes of islands, those with others within their margin joined, as long as a window of all of them may be."""
    boxes, number = boxes.astype(float), 0
    while number < len(boxes):
        outer = _grown(boxes[number], margin)
        near = np.concatenate([outer[:2] < boxes[:, 2:], boxes[:, :2] < outer[2:]], axis=1).all(axis=1)
        for other in (one for one in np.flatnonzero(near).tolist() if one != number):
            low, high = np.minimum(boxes[number], boxes[other])[:2], np.maximum(boxes[number], boxes[other])[2:]
            both = np.concatenate([low, high])
            rows, columns = _inside(_grown(both, margin), shape)
            if (rows.stop - rows.start) * (columns.stop - columns.start) * shape[0] <= most_voxels:
                first, last = sorted((number, other))
                boxes[first] = both
                groups[first] += groups[last]
                boxes = np.delete(boxes, last, axis=0)
                del groups[last]
                number = first - 1  # what has grown may reach others
                break
        number += 1
    return boxes, groups


def _inside(box: np.ndarray, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Rows and columns of a box in the image."""
    x0, y0, x1, y1 = box
    return (slice(max(0, math.floor(y0)), min(shape[1], math.ceil(y1))),
            slice(max(0, math.floor(x0)), min(shape[2], math.ceil(x1))))  # fmt: skip


def _grown(box: np.ndarray, margin: float) -> np.ndarray:
    """A box with a margin, at least its own size, which is what a source shows of itself below the threshold."""
    return box + max(margin, float((box[2:] - box[:2]).max())) * np.array([-1.0, -1.0, 1.0, 1.0])


def _overlap(one: np.ndarray, other: np.ndarray) -> bool:
    return bool((one[:2] < other[2:]).all() and (other[:2] < one[2:]).all())
