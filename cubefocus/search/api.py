"""Search cubes in Python, as ``cubefocus detect`` searches files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from astropy.table import Table, vstack

from cubefocus.alma.chain import Detections
from cubefocus.alma.inputs import load_dirty
from cubefocus.alma.search import detect as detect_with_networks
from cubefocus.cli.detect import check_memory
from cubefocus.cube.cube import Cube
from cubefocus.errors import CubefocusError
from cubefocus.learn.bundle import Bundle
from cubefocus.search.methods import Outcome, method_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Cubes = Cube | str | Path | Iterable[Cube | str | Path]
MEMORY = Path("<cube in memory>")  # stands for the path of a cube that has none, in messages
SUMMARY = ("source_id", "name", "significance", "reliability", "frequency", "line_flux_jykms", "continuum_mjy", "flags")


@dataclass(frozen=True, eq=False)
class Found:
    """What a search without networks found.

    Attributes
    ----------
    catalogue : Table
        Sources of all cubes, with units; columns `cubefocus.search.run.COLUMNS`.
    candidates : Table
        What stood out of the noise, and why some of it is no source.
    cubes : list of Outcome
        Tables, maps and picture of each cube.
    """

    catalogue: Table
    candidates: Table
    cubes: list[Outcome]

    def __repr__(self) -> str:
        number = len(self.catalogue)
        told = f"{number} source{'' if number == 1 else 's'} of {len(self.candidates)} candidates"
        shown = self.catalogue[[name for name in SUMMARY if name in self.catalogue.colnames]]
        return "\n".join([told, *(shown.pformat(max_width=-1) if number else [])])

    def plot(self, number: int = 0) -> Figure:
        """Picture of a cube with its sources.

        Parameters
        ----------
        number : int
            Place of the cube among those that were searched.
        """
        return self.cubes[number].draw()


@overload
def detect(
    cubes: Cubes, bundle: Bundle | str | Path, settings: Mapping[str, Any] | None = ...,
    ids: Sequence[int] | None = ..., device: str = ...,
) -> Detections: ...  # fmt: skip
@overload
def detect(
    cubes: Cubes, bundle: None = ..., settings: None = ..., ids: Sequence[int] | None = ..., device: str = ..., *,
    psf: str | Path | None = ..., primary_beam: str | Path | None = ..., purity: float | None = ...,
    rest_frequency_ghz: float | None = ..., memory: float | None = ..., proposals: Sequence[str] | None = ...,
) -> Found: ...  # fmt: skip
def detect(
    cubes: Cubes,
    bundle: Bundle | str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    ids: Sequence[int] | None = None,
    device: str = "auto",
    *,
    psf: str | Path | None = None,
    primary_beam: str | Path | None = None,
    purity: float | None = None,
    rest_frequency_ghz: float | None = None,
    memory: float | None = None,
    proposals: Sequence[str] | None = None,
) -> Detections | Found:
    """Find and characterise the sources in cubes.

    Parameters
    ----------
    cubes : Cube, path of a FITS file, or several of them
        In memory: Jy/beam, shape (channel, y, x), with a header. Files may be in a multiple of it.
    bundle : Bundle or path, optional
        Trained networks with their settings, such as ``results/demo/bundle``, for dirty cubes like those that they
        learnt from. Without it the cubes are searched for what stands out of their noise.
    settings : mapping, optional
        With a bundle: detection settings that take the place of its own, such as ``{"blobs": {"threshold": 0.2}}``.
    ids : sequence of int, optional
        ``cube_id`` of each cube in the tables; 0, 1, ... if left out.
    device : str
        ``auto`` (a GPU where there is one), ``cpu``, ``cuda``, ...
    psf, primary_beam : path, optional
        Without a bundle: dirty beam of dirty cubes, and primary beam of cubes that have not been divided by it. Without
        a dirty beam the cubes are taken for restored ones, with the beam of their headers.
    purity : float, optional
        Without a bundle: share of the sources of a restored cube that are to be true; 0.95 if left out.
    rest_frequency_ghz : float, optional
        Without a bundle: rest frequency of the line; that of the header if left out.
    memory : float, optional
        Without a bundle: GB that the search may take; 4 if left out. A file that needs more is searched in parts, and
        its outcome has no maps on all voxels, which the command writes to disk.
    proposals : sequence of str, optional
        Without a bundle: what finds candidates in a restored cube, ``matched`` (a bank of templates), ``network`` (the
        one that is shipped) or both; `cubefocus.settings.SearchSettings` has the default.

    Returns
    -------
    Found
        Without a bundle: ``catalogue`` and ``candidates`` (astropy tables, with units), and ``cubes``, one a cube.
    Detections
        With one: the same tables, and ``fields`` with the images of each cube. Cubes are searched one by one, so that
        each has the rows that it has alone.

    Raises
    ------
    CubefocusError
        If a file, a cube, the bundle or an option cannot be used.

    Examples
    --------
    A source in a cube in memory, with the beam that its header has:

    >>> import numpy as np
    >>> from cubefocus import Cube, Observation, detect
    >>> header = Observation(n_channels=16, n_pixels=64, cell_arcsec=0.1).header(unit="Jy/beam")
    >>> header.update({"BMAJ": 0.5 / 3600, "BMIN": 0.5 / 3600, "BPA": 0.0})
    >>> z, y, x = np.ogrid[:16, :64, :64]
    >>> source = np.exp(-0.5 * (((x - 30) ** 2 + (y - 40) ** 2) / 2.12**2 + (z - 8) ** 2 / 1.5**2))
    >>> noise = np.random.default_rng(1).standard_normal((16, 64, 64))
    >>> found = detect(Cube(0.001 * noise + 0.01 * source, header))
    >>> len(found.catalogue)
    1
    >>> print(f"{found.catalogue['x'][0]:.0f} {found.catalogue['y'][0]:.0f} {found.catalogue['z'][0]:.0f}")
    30 40 8
    """
    if bundle is not None:
        given: dict[str, Any] = {"psf": psf, "primary_beam": primary_beam, "purity": purity, "memory": memory}
        given |= {"rest_frequency_ghz": rest_frequency_ghz, "proposals": proposals}
        for name, value in given.items():
            if value is not None:
                raise CubefocusError(f"{name} is for a search without networks; leave it out, or the bundle")
        return detect_with_networks(cubes, bundle, settings, ids, device)
    if settings is not None:
        raise CubefocusError("settings replace those of a bundle; give one, or leave them out")
    listed = [cubes] if isinstance(cubes, Cube | str | Path) else list(cubes)
    numbers = list(range(len(listed))) if ids is None else [int(number) for number in ids]
    if not listed or len(numbers) != len(listed) or len(set(numbers)) < len(numbers):
        raise CubefocusError(
            f"{len(listed)} cubes with the ids {numbers}; give one cube at least, each with its own id"
        )
    check_memory(memory, "memory")
    dirty, primary = (None if one is None else Path(one) for one in (psf, primary_beam))
    method = method_of(dirty, primary, purity, rest_frequency_ghz, device, memory, proposals)
    outcomes = []
    for one, number in zip(listed, numbers, strict=True):
        path = MEMORY if isinstance(one, Cube) else Path(one)
        outcomes.append(method.search(one if isinstance(one, Cube) else load_dirty(path, method.most), path, number))
    catalogue, candidates = (
        vstack([getattr(one, name) for one in outcomes], metadata_conflicts="silent")
        for name in ("catalogue", "candidates")
    )
    return Found(catalogue, candidates, outcomes)
