"""Cubes from anywhere as the chain takes them: native float32 in Jy/beam, in the order (channel, y, x)."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from cubefocus.cube.cube import Cube
from cubefocus.cube.reading import in_jy_per_beam, read_cube
from cubefocus.errors import CubefocusError

log = logging.getLogger(__name__)

POSSIBLE = (0.5, 50.0)  # rest frequency over observed one: between a blueshift of c / 2 and any known redshift


def load_dirty(path: Path, most: float = math.inf) -> Cube:
    """Read a dirty cube and bring it to Jy/beam, the unit of the catalogue.

    Parameters
    ----------
    path : Path
    most : float
        Bytes that are read into memory; of a larger cube the data are read in parts, as `read_cube` has it.

    Raises
    ------
    CubefocusError
        If the file is unreadable, or does not say where its channels are, or is in a unit that is no flux in a beam.
    """
    return in_jy_per_beam(read_cube(path, most=most), path)


def as_cubes(cubes: Iterable[Any]) -> list[Cube]:
    """The cubes of a list, after a look at whether it is one of cubes.

    Raises
    ------
    CubefocusError
        If it is a cube itself, or holds something else.
    """
    if isinstance(cubes, Cube):
        raise CubefocusError("one cube was given where a list of cubes belongs; give [cube]")
    listed = list(cubes)
    for place, cube in enumerate(listed):
        if not isinstance(cube, Cube):
            raise CubefocusError(
                f"cube {place} in the list is a {type(cube).__name__}; give Cube(data, header): without a header "
                "nothing says where its channels are"
            )
    return listed


def check_possible(rest_ghz: float | None, cube: Cube, path: Path) -> None:
    """Refuse a rest frequency that no line at the frequencies of a cube can have: it is in another unit.

    Raises
    ------
    CubefocusError
    """
    if rest_ghz is None:
        return
    observed = float(np.median(cube.frequencies_hz)) / 1e9
    if math.isfinite(observed) and not POSSIBLE[0] < rest_ghz / observed < POSSIBLE[1]:
        raise CubefocusError(
            f"{path}: a line at {observed:.6g} GHz cannot have the rest frequency {rest_ghz:.10g} GHz; give it in GHz, "
            "--rest-frequency"
        )
