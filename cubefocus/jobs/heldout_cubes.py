"""Make the cubes of a held-out set-up on which the proposers are compared."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from cubefocus.cube.cube import Cube
from cubefocus.cube.reading import read_cube
from cubefocus.cube.writing import write_cube
from cubefocus.files import atomic_path, read_table, write_table
from cubefocus.general.cubes import Maker
from cubefocus.instrument.observation import Observation
from cubefocus.instrument.response import open_response, response_folder
from cubefocus.settings import ComparisonSettings

logger = logging.getLogger(__name__)

SPLITS = ("calibration", "validation", "test")
FIRST = 1000  # number of cubes of a split that those of the next one come after
TRUTH: dict[str, Any] = {
    "setup": int, "cube_id": int, "restored": bool, "source": int, "type": "U16", "emission": "U16", "snr": float,
    "size": float, "fwhm_z": float, "x": int, "y": int, "z": float,
}  # fmt: skip
TABLE = "truth.ecsv"


@dataclass(frozen=True)
class HeldoutCubes:
    """Cubes to make.

    Attributes
    ----------
    responses : str
        Cache of the response of the set-up.
    setup : mapping
        Observing set-up.
    number : int
        Of the set-up.
    split : str
        One of `SPLITS`.
    n_cubes : int
    comparison : mapping
        Config section, as far as it decides what is in a cube.
    seed : int
    cubes : str
        Folder to write: <cube>.fits, <cube>.owner.npz (array ``owner``) and truth.ecsv.
    provenance : mapping
    """

    responses: str
    setup: Mapping[str, Any]
    number: int
    split: str
    n_cubes: int
    comparison: Mapping[str, Any]
    seed: int
    cubes: str
    provenance: Mapping[str, Any] = field(default_factory=dict)


def run(job: HeldoutCubes) -> None:
    """Make the cubes one by one: the first is dirty, the second restored, and so on.

    Raises
    ------
    CubefocusError
        If the response cannot be read.
    """
    settings, folder = ComparisonSettings.from_mapping(job.comparison), Path(job.cubes)
    observation = Observation.from_mapping(job.setup)
    maker = Maker(open_response(response_folder(job.responses, observation), observation), settings, job.seed)
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    kinds = []
    for one in range(job.n_cubes):
        number, restored = FIRST * SPLITS.index(job.split) + one, one % 2 == 1
        made = maker.make(number, restored)
        write_cube(folder / f"{number}.fits", made.cube.data, made.cube.header, job.provenance)
        with atomic_path(folder / f"{number}.owner.npz") as part, open(part, "wb") as stream:
            np.savez_compressed(stream, owner=made.owner)
        facts = {"setup": job.number, "cube_id": number, "restored": restored}
        rows += [facts | {"source": place, **source} for place, source in enumerate(made.sources, start=1)]
        kinds.append([number, restored])
        logger.info("cube %d: %d sources, %s", number, len(made.sources), "restored" if restored else "dirty")
    write_table(folder / TABLE, rows_as_table(rows, TRUTH, {"cubes": kinds}), job.provenance)


def rows_as_table(rows: list[dict[str, Any]], columns: Mapping[str, Any], meta: Mapping[str, Any]) -> Table:
    """Table of rows with some columns of given kinds, also of none."""
    listed = {name: np.array([row[name] for row in rows], dtype=kind) for name, kind in columns.items()}
    return Table(listed, meta=dict(meta))


def read_cubes(folder: str | Path) -> Iterator[tuple[int, bool, Cube, np.ndarray]]:
    """Number, whether it is restored, cube and owner of its voxels, of each cube of a folder.

    Raises
    ------
    CubefocusError
        If a file cannot be read.
    """
    folder = Path(folder)
    for number, restored in read_table(folder / TABLE).meta["cubes"]:
        with np.load(folder / f"{number}.owner.npz", allow_pickle=False) as file:
            owner = file["owner"]
        yield int(number), bool(restored), read_cube(folder / f"{number}.fits"), owner
