"""The work of ``cubefocus detect`` without networks: cubes on disk, one after the other, to one folder of products."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from astropy.table import Table

from cubefocus.alma.inputs import check_possible, load_dirty
from cubefocus.cli.folder import (
    SUFFIXES,
    Found,
    Input,
    attempts,
    facts_of,
    list_inputs,
    prepare_output,
    summary,
    write_tables,
)
from cubefocus.cube.cube import Cube
from cubefocus.cube.windows import Windows
from cubefocus.cube.writing import OnDisk, cube_on_disk, write_cube
from cubefocus.errors import CubefocusError
from cubefocus.files import write_table
from cubefocus.provenance import provenance
from cubefocus.search.methods import Method, Outcome, method_of
from cubefocus.tables.regions import write_regions

log = logging.getLogger(__name__)

__all__ = ["method_of", "search"]


def search(
    paths: Sequence[Path], output: Path, method: Method, overwrite: bool = False, pictures: bool = True
) -> Found:
    """Search cubes on disk, one in memory at a time, and write all products to a folder.

    Parameters
    ----------
    paths : sequence of Path
        FITS cubes; cube_id in the tables is that of the header, or else the place in this list.
    output : Path
        Gets the catalogue in all formats, candidates.ecsv, and per cube <name>.reg, <name>.crtf,
        <name>.field.png, <name>.report.html, the maps, and what each source has for itself:
        <name>.source<number>.spectrum.ecsv, .cube.fits and .card.png.
    method : Method
    overwrite : bool
        Whether products of an earlier search are removed first.
    pictures : bool
        Whether PNG files and pages are made, which takes longer than the search.

    Raises
    ------
    CubefocusError
        If the folder cannot be written or holds results, two cubes have one id, or a cube cannot be read or searched:
        then the others have been searched and written, and the message names those that are missing.
    """
    inputs = list_inputs(paths)
    is_new = prepare_output(output, overwrite)
    facts = provenance(method.device, **method.facts, **facts_of(paths, inputs))
    found = Found()
    tables: list[tuple[Table, Table]] = []

    def one_of(one: Input) -> Outcome:
        cube = load_dirty(one.path, method.most)
        check_possible(method.rest_frequency_ghz, cube, one.path)
        with _whole_or_none(output / one.name):
            store = partial(_store, output / one.name, cube, facts) if isinstance(cube.data, Windows) else None
            outcome = method.search(cube, one.path, one.cube_id, store)
            _write(output / one.name, cube, outcome, facts, pictures)
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
    write_tables(output, found, tables, facts)
    if found.failed:
        raise CubefocusError(summary(found, paths, output))
    return found


@contextmanager
def _whole_or_none(stem: Path) -> Iterator[None]:
    """Remove the files of a cube that are there already when one of them cannot be written."""
    try:
        yield
    except BaseException:
        for path in stem.parent.iterdir():
            if path.name.startswith(f"{stem.name}.") and path.name.endswith(SUFFIXES):
                path.unlink()
        raise


def _store(stem: Path, cube: Cube, facts: Mapping[str, Any], kind: str, unit: str) -> AbstractContextManager[OnDisk]:
    """A product on the voxels of a cube that is written part by part."""
    header = cube.header.copy()
    header["BUNIT"] = unit
    return cube_on_disk(f"{stem}.{kind}.fits", cube.data.shape, header, facts)


def _write(stem: Path, cube: Cube, outcome: Outcome, facts: Mapping[str, Any], pictures: bool) -> None:
    """Write what belongs to one cube alone."""
    write_regions(stem, outcome.catalogue, facts, cube.wcs)
    for kind, (values, unit) in outcome.maps.items():
        header = cube.header.copy() if values.ndim == 3 else cube.wcs.to_header()
        header["BUNIT"] = unit
        write_cube(Path(f"{stem}.{kind}.fits"), values, header, facts)
    for row, each in zip(outcome.catalogue, outcome.portraits(), strict=True):
        own = f"{stem}.source{each.source_id:03d}"
        write_table(f"{own}.spectrum.ecsv", each.spectrum, facts)
        write_cube(f"{own}.cube.fits", each.cube.data, each.cube.header, facts)
        if pictures:
            from cubefocus.report.pictures import save_figure  # matplotlib takes half a second
            from cubefocus.search.card import card_figure

            save_figure(card_figure(each, f"{each.source_id}  {row['name']}"), f"{own}.card.png", facts)
    if pictures:
        from cubefocus.report.pictures import save_figure
        from cubefocus.search.page import write_search_page

        save_figure(outcome.draw(), f"{stem}.field.png", facts)
        page = Path(f"{stem}.report.html")
        write_search_page(page, cube, stem.name, outcome.catalogue, outcome.views, outcome.told, facts, outcome.noise)
