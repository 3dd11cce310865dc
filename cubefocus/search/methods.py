"""Ways to search a cube, as the command and Python choose them: restored, or dirty with its beam."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from astropy.table import Table

from cubefocus.cube.cube import Cube
from cubefocus.cube.cutouts import channel_sum
from cubefocus.cube.windows import Windows
from cubefocus.errors import CubefocusError
from cubefocus.learn.distributed import pick_device
from cubefocus.learn.ranges import measured, outside
from cubefocus.search.dirty import search_dirty
from cubefocus.search.instruments import DirtyBeam, Instrument, RestoringBeam, beams_px
from cubefocus.search.maps import fill_mask, maps_of
from cubefocus.search.run import search_cube
from cubefocus.search.sources import Portrait, portraits, portraits_of
from cubefocus.search.tiles import BESIDE, OF_FIT, most_in_memory
from cubefocus.search.told import of_cube, of_noise
from cubefocus.search.view import View, sum_of
from cubefocus.settings import SearchSettings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a search found in a cube.

    Attributes
    ----------
    catalogue : Table
    candidates : Table
    maps : mapping of str to (ndarray, unit)
        Images for FITS, on the pixels of the cube, and the cubes that have not been stored on the way.
    draw : callable
        Draws the picture of the cube with its sources.
    views : sequence of View
        Images for the page.
    told : sequence of (str, str)
        What was measured and assumed, for the page.
    portraits : callable
        Makes what each source has for itself.
    noise : ndarray, shape (channel,), optional
        By channel, mJy/beam, for the page; infinite for one without data.
    """

    catalogue: Table
    candidates: Table
    maps: Mapping[str, tuple[np.ndarray, str]]
    draw: Callable[[], Figure]
    views: Sequence[View]
    told: Sequence[tuple[str, str]]
    portraits: Callable[[], list[Portrait]]
    noise: np.ndarray | None = None


Store = Callable[[str, str], AbstractContextManager[Any]]  # from name and unit to what is written to as to an array


class Method(Protocol):
    """A way to search a cube."""

    @property
    def beam(self) -> Instrument:
        """What is known of how the cubes were imaged."""
        ...

    @property
    def rest_frequency_ghz(self) -> float | None:
        """Of the line, if it was given."""
        ...

    @property
    def device(self) -> str:
        """Where torch computes."""
        ...

    @property
    def facts(self) -> dict[str, Any]:
        """Settings, files and assumptions, for the provenance."""
        ...

    @property
    def most(self) -> float:
        """Bytes of the values of a cube that is read as a whole; of a larger one the data are read in parts."""
        ...

    def search(self, cube: Cube, path: Path, cube_id: int, store: Store | None = None) -> Outcome:
        """Search a cube.

        Parameters
        ----------
        cube : Cube
            In memory, or on disk to be read in parts.
        path : Path
        cube_id : int
        store : callable, optional
            Opens what takes the cubes of the outcome, part by part, where they are not to be kept in memory.

        Raises
        ------
        CubefocusError
            If the cube cannot be searched.
        """
        ...


@dataclass(frozen=True)
class Restored:
    """The search of restored cubes: `cubefocus.search.run`.

    Attributes
    ----------
    beam : RestoringBeam
    settings : SearchSettings
    rest_frequency_ghz : float or None
    device : str
    """

    beam: RestoringBeam
    settings: SearchSettings = field(default_factory=SearchSettings)
    rest_frequency_ghz: float | None = None
    device: str = "cpu"

    @property
    def facts(self) -> dict[str, Any]:
        """Assumption and settings."""
        return self.beam.facts | {"search": self.settings.to_dict()}

    @property
    def most(self) -> float:
        """Of the memory of the settings."""
        return most_in_memory(self.settings.memory)

    def outside(self, cube: Cube) -> list[str]:
        """In what a cube lies outside of those that the shipped network was trained on, where that is asked."""
        if "network" not in self.settings.proposals:
            return []
        from cubefocus.search.network import shipped_bundle  # here, as the bank does without

        return [*outside(shipped_bundle().ranges, measured(cube))]

    def search(self, cube: Cube, path: Path, cube_id: int, store: Store | None = None) -> Outcome:
        """Islands of what stands out of the noise, and a fit of each."""
        beam = self.beam.beam(cube, path)
        beams = beams_px(cube, cube.beam or (0.0, 0.0, 0.0))
        told_outside = self.outside(cube)
        for sentence in told_outside:
            log.warning("%s: %s", path, sentence)
        middle = beams[len(beams) // 2].tolist()
        cubes: dict[str, tuple[np.ndarray, str]] = {}
        with _kept(cubes, cube.data) if store is None else store("snr", "") as snr:
            found = search_cube(
                cube, beam, (middle[0], middle[1], middle[2]), self.settings, cube_id=cube_id,
                rest_frequency_ghz=self.rest_frequency_ghz, device=self.device, snr=snr,
            )  # fmt: skip
        places = f"{found.levels.place.min():.3g} to {found.levels.place.max():.3g} times that from place to place"
        log.info(
            "%s: noise %.3g Jy/beam a channel%s; %d islands above %.3g times the noise, %d below it", path,
            found.levels.rms, f", {places}" if found.levels.by_place else "", len(found.candidates),
            self.settings.link, found.rate.seen,
        )  # fmt: skip
        if store is not None:
            with store("mask", "") as mask:
                fill_mask(found, mask)
        elif "snr" in cubes:
            cubes["mask"] = np.zeros(cube.data.shape, dtype=np.int32), ""
            fill_mask(found, cubes["mask"][0])
        maps = cubes | maps_of(cube, found, self.rest_frequency_ghz)
        highest, total = found.found.highest, found.found.total
        draw = partial(_figure, total, highest, "highest signal-to-noise of a template", found.catalogue)
        place = found.levels.place if found.levels.by_place else None
        told = [
            ("taken as", "restored by CLEAN: sources are behind the beam of the header; "
                         + ("divided by its primary beam, or without one" if self.beam.pb is None
                            else f"not divided by its primary beam, {self.beam.pb.name}")),
            *of_cube(cube, self.rest_frequency_ghz),
            *of_noise(found.levels.rms, found.levels.channel, place),
            ("islands", f"{len(found.candidates)} above {self.settings.link:g} times the noise, {found.rate.seen} "
                        f"below minus that; {self.settings.purity:.0%} of the sources are to be true"),
        ]  # fmt: skip
        told += [("network", sentence) for sentence in told_outside]
        views = [View("best signal-to-noise", highest, ""), sum_of(total)]
        if "moment0" in maps:
            views.append(View("moment 0", *maps["moment0"]))
        if place is not None:
            views.append(
                View("noise", np.where(np.isfinite(total), 1e3 * found.levels.rms * place, np.nan), "mJy/beam")
            )
        each = partial(portraits_of, found.described, self.rest_frequency_ghz)
        noise = 1e3 * found.levels.channel
        return Outcome(found.catalogue, found.candidates, maps, draw, views, told, each, noise)


@dataclass(frozen=True)
class Dirty:
    """The search of dirty cubes whose beam is known: the fit from nothing, `cubefocus.search.dirty`.

    Attributes
    ----------
    beam : DirtyBeam
    rest_frequency_ghz : float or None
    device : str
    memory : float
        GB; a cube that needs more is refused.
    """

    beam: DirtyBeam
    rest_frequency_ghz: float | None = None
    device: str = "cpu"
    memory: float = SearchSettings().memory

    @property
    def facts(self) -> dict[str, Any]:
        """Files of the beam."""
        return self.beam.facts

    @property
    def most(self) -> float:
        """Of the memory that may be taken."""
        return max(1e9 * self.memory - BESIDE, 0.0) / OF_FIT * 4.0

    def search(self, cube: Cube, path: Path, cube_id: int, store: Store | None = None) -> Outcome:
        """Sources fitted together, until nothing that stands out is left."""
        if isinstance(cube.data, Windows):
            raise CubefocusError(
                f"{path}: the sources of a dirty cube are fitted in all of it at once, for which its "
                f"{cube.data.size / 1e6:.4g} million voxels take some {(OF_FIT * cube.data.size + BESIDE) / 1e9:.2g} "
                f"GB; give as much with --memory (it is {self.memory:g}), or cut out the part that is of interest"
            )
        found = search_dirty(
            cube, self.beam.beam(cube, path), cube_id=cube_id, rest_frequency_ghz=self.rest_frequency_ghz,
            device=self.device,
        )  # fmt: skip
        total = channel_sum(cube.data)
        draw = partial(_figure, total, found.left, "what the fit leaves, over its noise", found.catalogue)
        scene = found.fitted.scene
        if found.stretch.differs:
            log.warning("%s: %s", path, found.stretch.sentence)
        told = [
            ("taken as", f"a dirty cube whose beam is {self.beam.psf}"),
            *of_cube(cube, self.rest_frequency_ghz),
            ("primary beam", "not given: 1 everywhere" if self.beam.pb is None else str(self.beam.pb)),
            ("noise", f"{1e3 * scene.noise.rms:.4g} mJy/beam a channel: {1e3 * scene.noise.white:.3g} white, "
                      f"{1e3 * scene.noise.thermal:.3g} through the baselines"),
        ]  # fmt: skip
        if found.stretch.differs:
            told.append(("beam differs", found.stretch.sentence))
        each = partial(
            portraits, cube, found.catalogue, found.fitted, found.fitted.ranked,
            rest_frequency_ghz=self.rest_frequency_ghz,
        )  # fmt: skip
        noise = 1e3 * scene.noise.rms * scene.noise.relative
        return Outcome(found.catalogue, found.candidates, {}, draw, [sum_of(total)], told, each, noise)


@contextmanager
def _kept(cubes: dict[str, tuple[np.ndarray, str]], data: np.ndarray) -> Iterator[np.ndarray | None]:
    """In memory what is as large as a cube that is; nothing for one on disk."""
    if isinstance(data, Windows):
        yield None
        return
    cubes["snr"] = np.zeros(data.shape, dtype=np.float32), ""
    yield cubes["snr"][0]


def _figure(total: np.ndarray, image: np.ndarray, title: str, catalogue: Table) -> Figure:
    from cubefocus.report.pictures import search_figure  # matplotlib takes half a second

    return search_figure(total, image, title, catalogue)


def method_of(
    psf: Path | None,
    pb: Path | None,
    purity: float | None,
    rest_frequency_ghz: float | None,
    device: str,
    memory: float | None = None,
    proposals: Sequence[str] | None = None,
) -> Method:
    """The way to search cubes of which that is known.

    Parameters
    ----------
    psf : Path or None
        Dirty beam; None for restored cubes.
    pb : Path or None
        Primary beam, for cubes that have not been divided by it.
    purity : float or None
        Share of the sources of a restored cube that are to be true.
    rest_frequency_ghz : float or None
        Of the line.
    device : str
        ``auto``, ``cpu`` or ``cuda``.
    memory : float or None
        GB that the search may take; those of the settings if None.
    proposals : sequence of str, optional
        What finds candidates in a restored cube, names of `cubefocus.specs.PROPOSERS`; the default of
        `cubefocus.settings.SearchSettings` if left out.

    Raises
    ------
    CubefocusError
        If there is no such device or proposer, or proposers are named for a dirty cube.
    """
    where = str(pick_device(device))
    if psf is not None and proposals is not None:
        raise CubefocusError("proposals are for restored cubes; leave them out, or the dirty beam")
    given: dict[str, Any] = {"purity": purity, "memory": memory}
    given["proposals"] = None if proposals is None else tuple(proposals)
    settings = replace(SearchSettings(), **{name: value for name, value in given.items() if value is not None})
    if psf is not None:
        return Dirty(DirtyBeam(psf, pb), rest_frequency_ghz, where, settings.memory)
    return Restored(RestoringBeam(pb), settings, rest_frequency_ghz, where)
