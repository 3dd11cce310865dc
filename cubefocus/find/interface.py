"""The interface of every source finder: ``find(image, parameters) -> table of boxes, positions and fluxes``."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from astropy.table import Table, vstack

from cubefocus.errors import CubefocusError
from cubefocus.tables.columns import BOX, dtypes

Parameters = Mapping[str, Any]
EIGHT_CONNECTED = np.ones((3, 3), dtype=bool)
COLUMNS = dtypes(*BOX, "x", "y", "peak", "flux", "snr")


class Finder(Protocol):
    """What all source finders have in common; the docstring of each one says what is its own."""

    def __call__(self, image: np.ndarray, parameters: Parameters) -> Table:
        """Find the sources of an image, or of a cube by a finder that uses the spectrum.

        Parameters
        ----------
        image : ndarray, shape (y, x) or (channel, y, x)
            Dirty cube summed over its channels, or what else the ``kind`` of the finder's
            `cubefocus.find.registry.Entry` is. Dirty pixels that are NaN or exactly 0 (all channels blanked) are no
            data.
        parameters : mapping
            Of the finder; those that are not given have their defaults, the finder's ``PARAMETERS``.

        Returns
        -------
        astropy.table.Table
            One row a source with at least the columns of `COLUMNS`: half-open boxes x0 y0 x1 y1 and
            brightness-weighted centre x y (pixels, 0-based), peak and flux (sum of the source's pixels) in the unit
            of the image, snr (peak over noise). A finder of lines adds their ranges z0 z1 (channels).

        Raises
        ------
        CubefocusError
            If a parameter is not known or out of range, or the finder cannot search such data.
        """


def empty_detections() -> Table:
    """A table of no sources with the columns that every finder gives."""
    return Table({name: np.empty(0, dtype=kind) for name, kind in COLUMNS.items()})


def find_all(finder: Finder, images: Iterable[tuple[int, np.ndarray]], parameters: Parameters) -> Table:
    """Run a finder on one image (or cube) after another.

    Parameters
    ----------
    finder : Finder
    images : iterable of (cube id, ndarray)
        May be a stream: one image is held at a time.
    parameters : mapping
        Of the finder.

    Returns
    -------
    astropy.table.Table
        Its rows with the column ``cube_id`` in front.

    Raises
    ------
    CubefocusError
        What the finder raises, with the cube.
    """
    tables = []
    for cube, image in images:
        try:
            found = finder(image, parameters)
        except CubefocusError as error:
            raise CubefocusError(f"cube {cube}: {error}") from error
        found.add_column(np.full(len(found), cube, dtype=np.int64), name="cube_id", index=0)
        tables.append(found)
    if not tables:
        tables = [Table({"cube_id": np.empty(0, dtype=np.int64), **empty_detections().columns})]
    return vstack(tables, metadata_conflicts="silent")


def grid_points(grid: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """All combinations of the values of a grid, the last name running fastest."""
    return [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]


def known(finder: str, parameters: Parameters, names: Iterable[str]) -> None:
    """Refuse parameters that a finder does not have.

    Raises
    ------
    CubefocusError
        That names the first of them.
    """
    unknown = sorted(set(parameters) - set(names))
    if unknown:
        raise CubefocusError(f"the finder {finder} has no parameter {unknown[0]!r}; it has {', '.join(names)}")


def numbers(
    finder: str, parameters: Parameters, defaults: Mapping[str, float], lows: Mapping[str, float] | None = None
) -> dict[str, float]:
    """All parameters of a finder, each of which is a number.

    Parameters
    ----------
    finder : str
        Its name, for messages.
    parameters : mapping
        Those that are given.
    defaults : mapping
        All that it has.
    lows : mapping, optional
        The least value of those for which it is not 0.

    Raises
    ------
    CubefocusError
        As `known` and `parameter`.
    """
    known(finder, parameters, defaults)
    return {name: parameter(parameters, name, at, (lows or {}).get(name, 0.0)) for name, at in defaults.items()}


def parameter(parameters: Parameters, name: str, default: float, low: float) -> float:
    """One number of a finder's parameters.

    Raises
    ------
    CubefocusError
        If it is not a number of at least `low`.
    """
    value = parameters.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not value >= low:
        raise CubefocusError(f"parameter {name!r} of the finder is {value!r}; give a number of at least {low:g}")
    return float(value)
