"""The work of ``cubefocus detect`` without networks: cubes on disk, one after the other, to one folder of products."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from astropy.table import Table, vstack
from matplotlib.figure import Figure

from cubefocus.alma.inputs import load_dirty
from cubefocus.cli.detect_files import (
    Found,
    Input,
    attempts,
    check_possible,
    list_inputs,
    origin_of,
    prepare_output,
    summary,
    write_catalogue,
)
from cubefocus.cli.detect_fit import DirtyBeam, RestoringBeam, beams_px
from cubefocus.cube.cube import Cube
from cubefocus.cube.writing import write_cube
from cubefocus.errors import CubefocusError
from cubefocus.files import write_table
from cubefocus.learn.distributed import pick_device
from cubefocus.provenance import provenance
from cubefocus.report.pictures import save_figure, search_figure
from cubefocus.search.dirty import search_dirty
from cubefocus.search.maps import maps_of
from cubefocus.search.page import View, sum_of, write_search_page
from cubefocus.search.run import search_cube
from cubefocus.settings import SearchSettings
from cubefocus.tables.regions import write_regions

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a search found in a cube.

    Attributes
    ----------
    catalogue : Table
    candidates : Table
    maps : mapping of str to (ndarray, unit)
        Images and cubes for FITS, on the pixels of the cube.
    picture : Figure
    views : sequence of View
        Images for the page.
    told : sequence of (str, str)
        What was measured and assumed, for the page.
    """

    catalogue: Table
    candidates: Table
    maps: Mapping[str, tuple[np.ndarray, str]]
    picture: Figure
    views: Sequence[View]
    told: Sequence[tuple[str, str]]


class Method(Protocol):
    """A way to search a cube."""

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

    def search(self, cube: Cube, path: Path, cube_id: int) -> Outcome:
        """Search a cube.

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

    def search(self, cube: Cube, path: Path, cube_id: int) -> Outcome:
        """Islands of what stands out of the noise, and a fit of each."""
        beam = self.beam.beam(cube, path)
        beams = beams_px(cube, cube.beam or (0.0, 0.0, 0.0))
        middle = beams[len(beams) // 2].tolist()
        found = search_cube(
            cube, beam, (middle[0], middle[1], middle[2]), self.settings, cube_id=cube_id,
            rest_frequency_ghz=self.rest_frequency_ghz, device=self.device,
        )  # fmt: skip
        places = f"{found.levels.place.min():.3g} to {found.levels.place.max():.3g} times that from place to place"
        log.info(
            "%s: noise %.3g Jy/beam a channel%s; %d islands above %.3g times the noise, %d below it", path,
            found.levels.rms, f", {places}" if found.levels.by_place else "", len(found.candidates),
            self.settings.link, found.rate.seen,
        )  # fmt: skip
        maps = maps_of(cube, found, self.rest_frequency_ghz)
        picture = search_figure(cube, found.significance.positive.max(axis=0), "highest signal-to-noise of a template",
                                found.catalogue)  # fmt: skip
        own = cube.beam or (0.0, 0.0, 0.0)
        told = [
            ("taken as", "restored by CLEAN; sources are behind the beam of the header"),
            ("beam", f"{own[0]:.4g} x {own[1]:.4g} arcsec, position angle {own[2]:.3g} deg"),
            ("noise", f"{1e3 * found.levels.rms:.4g} mJy/beam a channel"
                      + (f", {places}" if found.levels.by_place else ", alike everywhere")),
            ("islands", f"{len(found.candidates)} above {self.settings.link:g} times the noise, {found.rate.seen} "
                        "below minus that"),
        ]  # fmt: skip
        views = [View("best signal-to-noise", found.significance.positive.max(axis=0), ""), sum_of(cube)]
        if "moment0" in maps:
            views.append(View("moment 0", *maps["moment0"]))
        return Outcome(found.catalogue, found.candidates, maps, picture, views, told)


@dataclass(frozen=True)
class Dirty:
    """The search of dirty cubes whose beam is known: the fit from nothing, `cubefocus.search.dirty`.

    Attributes
    ----------
    beam : DirtyBeam
    rest_frequency_ghz : float or None
    device : str
    """

    beam: DirtyBeam
    rest_frequency_ghz: float | None = None
    device: str = "cpu"

    @property
    def facts(self) -> dict[str, Any]:
        """Files of the beam."""
        return self.beam.facts

    def search(self, cube: Cube, path: Path, cube_id: int) -> Outcome:
        """Sources fitted together, until nothing that stands out is left."""
        found = search_dirty(
            cube, self.beam.beam(cube, path), cube_id=cube_id, rest_frequency_ghz=self.rest_frequency_ghz,
            device=self.device,
        )  # fmt: skip
        picture = search_figure(cube, found.left, "what the fit leaves, over its noise", found.catalogue)
        scene = found.fitted.scene
        told = [
            ("taken as", f"a dirty cube whose beam is {self.beam.psf}"),
            ("primary beam", "not given: 1 everywhere" if self.beam.pb is None else str(self.beam.pb)),
            ("noise", f"{1e3 * scene.noise.rms:.4g} mJy/beam a channel: {1e3 * scene.noise.white:.3g} white, "
                      f"{1e3 * scene.noise.thermal:.3g} through the baselines"),
        ]  # fmt: skip
        return Outcome(found.catalogue, found.candidates, {}, picture, [sum_of(cube)], told)


def method_of(
    psf: Path | None, pb: Path | None, purity: float | None, rest_frequency_ghz: float | None, device: str
) -> Method:
    """What the options of the command say.

    Raises
    ------
    CubefocusError
        If there is no such device.
    """
    where = str(pick_device(device))
    if psf is not None:
        return Dirty(DirtyBeam(psf, pb), rest_frequency_ghz, where)
    settings = SearchSettings() if purity is None else replace(SearchSettings(), purity=purity)
    return Restored(RestoringBeam(pb), settings, rest_frequency_ghz, where)


def search(paths: Sequence[Path], output: Path, method: Method, overwrite: bool = False) -> Found:
    """Search cubes on disk, one in memory at a time, and write all products to a folder.

    Parameters
    ----------
    paths : sequence of Path
        FITS cubes; cube_id in the tables is that of the header, or else the place in this list.
    output : Path
        Gets the catalogue in all formats, candidates.ecsv, and per cube <name>.reg, <name>.field.png,
        <name>.report.html and the maps.
    method : Method
    overwrite : bool
        Whether products of an earlier search are removed first.

    Raises
    ------
    CubefocusError
        If the folder cannot be written or holds results, two cubes have one id, or a cube cannot be read or searched:
        then the others have been searched and written, and the message names those that are missing.
    """
    inputs = list_inputs(paths)
    is_new = prepare_output(output, overwrite)
    facts = provenance(method.device, **method.facts, cubes=[str(path) for path in paths])
    made = [origin_of(one.made) for one in inputs]
    facts |= {"inputs": made} if any(made) else {}
    found = Found()
    tables: list[tuple[Table, Table]] = []

    def one_of(one: Input) -> Outcome:
        cube = load_dirty(one.path)
        check_possible(method.rest_frequency_ghz, cube, one.path)
        outcome = method.search(cube, one.path, one.cube_id)
        _write(output, one.name, cube, outcome, facts)
        log.info("%s: %d sources of %d candidates", one.path, len(outcome.catalogue), len(outcome.candidates))
        return outcome

    try:
        tables = [(each.catalogue, each.candidates) for _, each in attempts(inputs, one_of, found, len(inputs) == 1)]
        if not tables:
            raise CubefocusError(summary(found, paths))
    except CubefocusError:
        if is_new and not any(output.iterdir()):
            output.rmdir()
        raise
    facts |= {"failed": found.failed} if found.failed else {}
    found.catalogue, found.candidates = (
        vstack(list(parts), metadata_conflicts="silent") for parts in zip(*tables, strict=True)
    )
    write_catalogue(output / "catalogue", found.catalogue, facts)
    write_table(output / "candidates.ecsv", found.candidates, facts)
    if found.failed:
        raise CubefocusError(summary(found, paths, output))
    return found


def _write(output: Path, name: str, cube: Cube, outcome: Outcome, facts: Mapping[str, Any]) -> None:
    """Write what belongs to one cube alone."""
    write_regions(output / f"{name}.reg", outcome.catalogue, facts)
    save_figure(outcome.picture, output / f"{name}.field.png", facts)
    page = output / f"{name}.report.html"
    write_search_page(page, cube, name, outcome.catalogue, outcome.views, outcome.told, facts)
    for kind, (values, unit) in outcome.maps.items():
        header = cube.header.copy() if values.ndim == 3 else cube.wcs.to_header()
        header["BUNIT"] = unit
        write_cube(output / f"{name}.{kind}.fits", values, header, facts)
