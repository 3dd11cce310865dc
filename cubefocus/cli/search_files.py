"""The work of ``cubefocus detect`` without networks: cubes on disk, one after the other, to one folder of products."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from astropy.table import Table

from cubefocus.alma.inputs import check_possible, load_dirty
from cubefocus.cli.folder import (
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
from cubefocus.cube.writing import write_cube
from cubefocus.errors import CubefocusError
from cubefocus.provenance import provenance
from cubefocus.report.pictures import save_figure
from cubefocus.search.methods import Method, Outcome, method_of
from cubefocus.search.page import write_search_page
from cubefocus.tables.regions import write_regions

log = logging.getLogger(__name__)

__all__ = ["method_of", "search"]


def search(paths: Sequence[Path], output: Path, method: Method, overwrite: bool = False) -> Found:
    """Search cubes on disk, one in memory at a time, and write all products to a folder.

    Parameters
    ----------
    paths : sequence of Path
        FITS cubes; cube_id in the tables is that of the header, or else the place in this list.
    output : Path
        Gets the catalogue in all formats, candidates.ecsv, and per cube <name>.reg, <name>.crtf,
        <name>.field.png, <name>.report.html and the maps.
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
    facts = provenance(method.device, **method.facts, **facts_of(paths, inputs))
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
    write_tables(output, found, tables, facts)
    if found.failed:
        raise CubefocusError(summary(found, paths, output))
    return found


def _write(output: Path, name: str, cube: Cube, outcome: Outcome, facts: Mapping[str, Any]) -> None:
    """Write what belongs to one cube alone."""
    write_regions(output / name, outcome.catalogue, facts, cube.wcs)
    save_figure(outcome.draw(), output / f"{name}.field.png", facts)
    page = output / f"{name}.report.html"
    write_search_page(page, cube, name, outcome.catalogue, outcome.views, outcome.told, facts)
    for kind, (values, unit) in outcome.maps.items():
        header = cube.header.copy() if values.ndim == 3 else cube.wcs.to_header()
        header["BUNIT"] = unit
        write_cube(output / f"{name}.{kind}.fits", values, header, facts)
