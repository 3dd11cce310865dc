"""What a finder searches, by cube id: images in memory, or cubes that are read when they are asked for."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

from cubefocus.errors import CubefocusError
from cubefocus.io import read_cube
from cubefocus.observe.folder import cubes_of

Images = Mapping[int, np.ndarray]


class StoredCubes(Images):
    """Dirty cubes of some finished batches, shape (channel, y, x). Each is read anew and not kept: one is in memory.

    Parameters
    ----------
    folders : iterable of path

    Raises
    ------
    CubefocusError
        If a cube is missing.
    """

    def __init__(self, folders: Iterable[str | Path]) -> None:
        self.paths = {cube: path for folder in folders for cube, path in cubes_of(folder).items()}

    @property
    def beam_area(self) -> float:
        """Area of the dirty beam of the first cube, pixels: that of a Gaussian of its FWHM."""
        path = next(iter(self.paths.values()))
        cube = read_cube(path)
        if cube.beam is None or not cube.cell_arcsec > 0:
            raise CubefocusError(f"{path}: its header has no beam (BMAJ, BMIN) or no pixel size; make it again")
        return math.pi * cube.beam[0] * cube.beam[1] / (4.0 * math.log(2.0)) / cube.cell_arcsec**2

    def __getitem__(self, cube: int) -> np.ndarray:
        return read_cube(self.paths[cube]).data

    def __iter__(self) -> Iterator[int]:
        return iter(self.paths)

    def __len__(self) -> int:
        return len(self.paths)


class DrawnCubes(Images):
    """Some images or cubes of a mapping, in the order of their ids.

    Parameters
    ----------
    images : mapping from cube id to ndarray
    number : int
        How many are drawn; all of them if there are no more.
    seed : int
        The same seed draws the same cubes for every finder.
    """

    def __init__(self, images: Images, number: int, seed: int) -> None:
        ids = np.array(sorted(images))
        drawn = np.random.default_rng(seed).permutation(ids.size)[:number]
        self.images, self.ids = images, ids[np.sort(drawn)].tolist()

    def __getitem__(self, cube: int) -> np.ndarray:
        if cube not in self.ids:
            raise KeyError(cube)
        return self.images[cube]

    def __iter__(self) -> Iterator[int]:
        return iter(self.ids)

    def __len__(self) -> int:
        return len(self.ids)
