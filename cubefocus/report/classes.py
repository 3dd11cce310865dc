"""Classes of sources: bright and faint, alone and blended, close together, round and elongated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from astropy.table import Table

from cubefocus.report.image_snr import SNR
from cubefocus.report.parameters import ELONGATED, axis_ratio
from cubefocus.report.rates import blendness_by_cube
from cubefocus.tables.columns import centres, column, cube_ids, has_columns

SNR_EDGES = (5.0, 10.0, 20.0)


@dataclass(frozen=True)
class Division:
    """A division of sources into classes.

    Attributes
    ----------
    name : str
        Of the quantity that classes are told apart by.
    names : tuple of str
        Of its classes, the most difficult one first.
    of : callable
        From a table of true sources or of detections and the beams to the class of each row, int, shape (n,): a number
        of `names`, or -1 for a row that has none.
    """

    name: str
    names: tuple[str, ...]
    of: Callable[[Table, dict[int, float]], np.ndarray]


def beams_of(truth: Table) -> dict[int, float]:
    """Mean full width at half maximum of the dirty beam of each cube of which it is known, pixels."""
    cubes = truth.meta.get("cubes", [])
    return {cube["cube_id"]: float(np.mean(cube["beam_px"])) for cube in cubes if cube.get("beam_px")}


def neighbour(table: Table) -> np.ndarray:
    """Distance of each source from the nearest other one of its cube, pixels, shape (n,); infinite for one alone."""
    places, cubes = centres(table).reshape(len(table), 2), cube_ids(table)
    nearest = np.full(len(table), np.inf)
    for cube in np.unique(cubes):
        rows = np.flatnonzero(cubes == cube)
        apart = np.hypot(*np.moveaxis(places[rows][:, None] - places[rows][None], -1, 0))
        np.fill_diagonal(apart, np.inf)
        nearest[rows] = apart.min(axis=1)
    return nearest


def _all(table: Table, beams: dict[int, float]) -> np.ndarray:
    return np.zeros(len(table), dtype=int)


def _by_snr(table: Table, beams: dict[int, float]) -> np.ndarray:
    snr = column(table, SNR)
    return np.where(np.isnan(snr), -1, np.searchsorted(SNR_EDGES, snr, side="right"))


def _by_blendness(table: Table, beams: dict[int, float]) -> np.ndarray:
    known = has_columns(table, ("blendness",))
    values = column(table, "blendness") if known else blendness_by_cube(table)
    return np.where(values > 0, 0, np.where(values == 0, 1, -1))


def _by_neighbour(table: Table, beams: dict[int, float]) -> np.ndarray:
    beam = np.array([beams.get(cube, np.nan) for cube in cube_ids(table).tolist()], dtype=float)
    return np.where(np.isnan(beam), -1, np.where(neighbour(table) < beam, 0, 1))


def _by_elongation(table: Table, beams: dict[int, float]) -> np.ndarray:
    if not has_columns(table, ("sigma_x", "sigma_y")):
        return np.full(len(table), -1)
    ratio = axis_ratio(table)
    return np.where(ratio <= ELONGATED, 0, np.where(ratio > ELONGATED, 1, -1))


_BETWEEN = [f"{low:g} to {high:g}" for low, high in pairwise(SNR_EDGES)]
DIVISIONS = (
    Division("all", ("all",), _all),
    Division("SNR", (f"below {SNR_EDGES[0]:g}", *_BETWEEN, f"{SNR_EDGES[-1]:g} and above"), _by_snr),
    Division("blendness", ("above 0", "0"), _by_blendness),
    Division("nearest neighbour", ("closer than the beam", "not closer"), _by_neighbour),
    Division("axis ratio", (f"up to {ELONGATED:g}", f"above {ELONGATED:g}"), _by_elongation),
)
