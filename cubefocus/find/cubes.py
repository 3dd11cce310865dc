"""What a finder searches, by cube id: images in memory, or cubes that are read when they are asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
from astropy.table import Table

from cubefocus.alma.folder import cubes_of
from cubefocus.alma.training_products import integrated_images
from cubefocus.cube.reading import read_cube
from cubefocus.cube.scale import gaussian_area
from cubefocus.errors import CubefocusError

Images = Mapping[int, np.ndarray]
SUFFIX = ".clean.fits"  # of cleaned images


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

    def beam_areas(self, cubes: Iterable[int] | None = None) -> dict[int, float]:
        """Area of the dirty beam of each cube, or of some of them, pixels: that of a Gaussian of its FWHM.

        Raises
        ------
        CubefocusError
            If a header has no beam or no pixel size.
        """
        return {cube: _beam_area(self.paths[cube]) for cube in (self.paths if cubes is None else cubes)}

    def __getitem__(self, cube: int) -> np.ndarray:
        return read_cube(self.paths[cube]).data

    def __iter__(self) -> Iterator[int]:
        return iter(self.paths)

    def __len__(self) -> int:
        return len(self.paths)


def _beam_area(path: Path) -> float:
    cube = read_cube(path)
    if cube.beam is None or not cube.cell_arcsec > 0:
        raise CubefocusError(f"{path}: its header has no beam (BMAJ, BMIN) or no pixel size; make it again")
    return gaussian_area(*cube.beam[:2]) / cube.cell_arcsec**2


def drawn_ids(cubes: Iterable[int], number: int, seed: int) -> list[int]:
    """Some of the ids of cubes, in their order: for a seed the same, whatever order they come in."""
    ids = np.array(sorted(cubes))
    return ids[np.sort(np.random.default_rng(seed).permutation(ids.size)[:number])].tolist()


def inverted_ids(true: Table, slow: bool, number: int, seed: int) -> list[int]:
    """Test cubes that a finder searches times -1 as well: all of them, or some that the seed draws for a slow one.

    Parameters
    ----------
    true : astropy.table.Table
        Truth table with all ``cubes`` in its meta.
    slow : bool
        Whether the finder is slow.
    number : int
        How many cubes a slow finder searches; all of them if there are no more.
    seed : int
    """
    ids = sorted(cube["cube_id"] for cube in true.meta["cubes"] if cube["split"] == "test")
    return drawn_ids(ids, number, seed) if slow else ids


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
        self.images, self.ids = images, drawn_ids(images, number, seed)

    def __getitem__(self, cube: int) -> np.ndarray:
        if cube not in self.ids:
            raise KeyError(cube)
        return self.images[cube]

    def __iter__(self) -> Iterator[int]:
        return iter(self.ids)

    def __len__(self) -> int:
        return len(self.ids)


def refuse_missing(images: Images, true: Table, split: str) -> None:
    """Refuse to search a split with a file missing, which somebody removed: its sources would count as missed.

    Parameters
    ----------
    images : mapping from cube id to ndarray
    true : astropy.table.Table
        Truth table with all ``cubes`` in its meta.
    split : str

    Raises
    ------
    CubefocusError
        That names the cubes.
    """
    wanted = {cube["cube_id"] for cube in true.meta["cubes"] if cube["split"] == split}
    missing = sorted(wanted - set(images))
    if missing:
        raise CubefocusError(
            f"{split} cube {', '.join(map(str, missing[:6]))}: nothing to search; remove what was made of the cubes of "
            "this split and run again"
        )


def cleaned_images(folders: Iterable[str | Path]) -> dict[int, np.ndarray]:
    """Integrated cleaned images by cube id, shape (y, x), as `cubefocus.jobs.clean.clean_batch` wrote them."""
    paths = [path for folder in folders for path in sorted(Path(folder).glob(f"*{SUFFIX}"))]
    return {int(path.name.removesuffix(SUFFIX)): read_cube(path).data[0] for path in paths}


def searched(kind: str, paths: Iterable[str | Path]) -> Images:
    """What a finder searches, by cube id.

    Parameters
    ----------
    kind : {"image", "map", "cleaned", "cube"}
        As of `cubefocus.find.registry.Entry`.
    paths : iterable of path
        Of all batches: training products, maps, folders of cleaned images, or of cubes.
    """
    if kind == "cube":
        return StoredCubes(paths)
    return cleaned_images(paths) if kind == "cleaned" else integrated_images(paths, {"image": "dirty"}.get(kind, kind))


def clean_beams(folders: Iterable[str | Path]) -> dict[int, tuple[float, float, float]]:
    """Clean beam of each image by cube id: FWHMs of both axes in pixels, position angle in deg.

    Raises
    ------
    CubefocusError
        If a header has no beam.
    """
    beams = {}
    for path in (path for folder in folders for path in sorted(Path(folder).glob(f"*{SUFFIX}"))):
        cube = read_cube(path)
        if cube.beam is None:
            raise CubefocusError(f"{path}: its header has no beam (BMAJ, BMIN); remove its folder and run again")
        major, minor, angle = cube.beam
        beams[int(path.name.removesuffix(SUFFIX))] = major / cube.cell_arcsec, minor / cube.cell_arcsec, angle
    return beams
