"""Cubes from anywhere as the chain takes them: native float32 in Jy/beam, in the order (channel, y, x)."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u

from cubefocus.cube.cube import Cube
from cubefocus.cube.reading import in_jy_per_beam, read_cube
from cubefocus.errors import CubefocusError

log = logging.getLogger(__name__)


def load_dirty(path: Path) -> Cube:
    """Read a dirty cube and bring it to Jy/beam, the unit of the catalogue.

    Raises
    ------
    CubefocusError
        If the file is unreadable, or does not say where its channels are, or is in a unit that is no flux in a beam.
    """
    return in_jy_per_beam(read_cube(path), path)


def as_cubes(cubes: Iterable[Any]) -> list[Cube]:
    """Cubes whose values are native float32, shape (channel, y, x), whatever they were made of.

    Parameters
    ----------
    cubes : iterable of Cube
        Their data may be lists, of another type or byte order, masked (where there is no data), or with a unit.

    Raises
    ------
    CubefocusError
        If one is no cube, or its data are no numbers or of another shape.
    """
    if isinstance(cubes, Cube):
        raise CubefocusError("one cube was given where a list of cubes belongs; give [cube]")
    return [_as_cube(cube, place) for place, cube in enumerate(cubes)]


def _as_cube(cube: Any, place: int) -> Cube:
    if not isinstance(cube, Cube):
        raise CubefocusError(
            f"cube {place} in the list is a {type(cube).__name__}; give Cube(data, header): without a header nothing "
            "says where its channels are"
        )
    data = cube.data
    if type(data) is np.ndarray and data.dtype == np.float32 and data.dtype.isnative and data.ndim == 3:
        return cube
    try:
        if isinstance(data, u.Quantity):
            data = data.to_value(u.Jy / u.beam)
        if np.iscomplexobj(data):
            raise ValueError("complex numbers")
        values = np.ma.filled(np.ma.asarray(data, dtype=np.float32), np.nan)
    except (ValueError, TypeError, u.UnitConversionError) as error:
        raise CubefocusError(
            f"cube {place} in the list holds no real numbers in Jy/beam ({error}); give an array (channel, y, x)"
        ) from error
    if values.ndim != 3:
        raise CubefocusError(
            f"cube {place} in the list has the shape {values.shape}; it must be (channel, y, x), of one channel perhaps"
        )
    return Cube(np.ascontiguousarray(values), cube.header)
