"""What only figures show of a run: single cubes with what each step made of them, and the tuning of the finders."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from astropy.table import Table

from cubefocus.errors import CubefocusError
from cubefocus.report.run import Run

SHOWN_CUBES = 4


@dataclass(frozen=True)
class Cleaned:
    """What CLEAN makes of the test cubes.

    Attributes
    ----------
    images : dict of cube id to ndarray, shape (y, x)
        Cleaned cubes, summed over their channels.
    beams : dict of cube id to (major, minor, pa)
        Of the clean beam: FWHMs in pixels, degrees.
    primary_beam : callable
        Gives that of a cube by its id, averaged over its channels, shape (y, x).
    """

    images: dict[int, np.ndarray]
    beams: dict[int, tuple[float, float, float]]
    primary_beam: Callable[[int], np.ndarray]


@dataclass(frozen=True)
class Shown:
    """What only figures show.

    Attributes
    ----------
    cubes : list of int
        Those with the most sources in the catalogue.
    products : dict of cube id to dict of ndarray
        Their detection products, as `cubefocus.alma.detection_products.source_products` makes them.
    scores : dict of finder to Table
        How it did on the validation split with each point of its grid.
    cleaned : Cleaned or None
        None if CLEAN was not run.
    """

    cubes: list[int]
    products: Mapping[int, Mapping[str, np.ndarray]]
    scores: Mapping[str, Table]
    cleaned: Cleaned | None

    @classmethod
    def read(cls, run: Run, paths: Iterable[str | Path], scores: Mapping[str, Table], cleaned: Cleaned | None) -> Shown:
        """Choose the cubes and read their detection products from those of all batches of the test split.

        Raises
        ------
        CubefocusError
            If a file is damaged.
        """
        ids, counts = np.unique(np.asarray(run.catalogue["cube_id"], dtype=int), return_counts=True)
        chosen = ids[np.argsort(-counts, kind="stable")][:SHOWN_CUBES].tolist() or list(run.dirty)[:SHOWN_CUBES]
        products: dict[int, dict[str, np.ndarray]] = {}
        for path in paths:
            try:
                with h5py.File(path) as file:
                    for cube in chosen:
                        if f"{cube:06d}" in file:
                            products[cube] = _arrays(file[f"{cube:06d}"])
            except OSError as error:
                raise CubefocusError(f"{path}: truncated or damaged HDF5 ({error}); delete it and run again") from error
        return cls(chosen, products, scores, cleaned)


def _arrays(group: h5py.Group) -> dict[str, np.ndarray]:
    arrays: dict[str, np.ndarray] = {}
    group.visititems(lambda name, item: arrays.update({name: item[()]} if isinstance(item, h5py.Dataset) else {}))
    return arrays


def rows_of(table: Table, cube: int) -> Table:
    """Rows of a cube."""
    return table[np.asarray(table["cube_id"]) == cube]
