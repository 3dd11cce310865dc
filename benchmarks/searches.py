"""What is compared by ``heldout.py``: the search of cubefocus and the finders of others, tuned alike, on one cube."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table, vstack
from fitting import CRITERION
from setups import Made, truth_of

from cubefocus.alma.fitted import KM_S
from cubefocus.alma.inputs import load_dirty
from cubefocus.cube.cube import Cube
from cubefocus.cube.cutouts import integrate
from cubefocus.cube.reading import read_cube
from cubefocus.cube.scale import gaussian_area
from cubefocus.files import atomic_path, read_table, write_table
from cubefocus.find.interface import find_all
from cubefocus.find.registry import Entry, get_entry
from cubefocus.provenance import code_version, digest
from cubefocus.search.instruments import DirtyBeam, RestoringBeam
from cubefocus.search.methods import Dirty, Method, Restored
from cubefocus.tables.columns import BOX, column
from cubefocus.tables.matching import Matches, match

KINDS = ("dirty", "cleaned")
FINDERS = ("smooth_and_clip", "smooth_and_clip_defaults", "sofia", "bdsf", "aegean")
# A part of each grid of `cubefocus.find`: the rest of it is for white noise, or was never chosen there.
GRIDS: dict[str, dict[str, Sequence[Any]]] = {
    "smooth_and_clip": {
        "subtract_continuum": (False, True), "threshold": (4.0, 6.0, 10.0), "radius_xy": (1, 3), "radius_z": (1,),
    },
}  # fmt: skip
CRITERIA = ("box", "distance")
TICKS = 100.0  # a second, in /proc


@dataclass(frozen=True)
class Search:
    """A method on one kind of cube.

    Attributes
    ----------
    name, kind : str
    find : callable
        From a cube on disk and a criterion to a table with ``cube_id``, x, y and ``total`` (Jy x channel on the sky).
    key : callable
        From a criterion to what the result depends on besides the cube.
    with_line : bool
        Whether it has line ranges.
    """

    name: str
    kind: str
    find: Callable[[Made, str], Table]
    key: Callable[[str], str]
    with_line: bool = True


def own_search(made: Made, _: str, kind: str, with_psf: bool) -> Table:
    """What ``cubefocus detect`` finds, with its defaults."""
    path = made.dirty if kind == "dirty" else made.cleaned
    psf, pb = made.setup.files()
    method: Method = Dirty(DirtyBeam(psf, pb)) if with_psf else Restored(RestoringBeam(pb if kind == "dirty" else None))
    cube = load_dirty(path)
    table = method.search(cube, path, made.cube_id).catalogue
    width = _channel_kms(cube)
    line = np.nan_to_num(column(table, "line_flux_jykms")) / width
    table["total"] = line + 1e-3 * np.nan_to_num(column(table, "continuum_mjy")) * len(cube.data)
    return table


def _channel_kms(cube: Cube) -> float:
    hz = cube.frequencies_hz
    return KM_S * abs(float(hz[1] - hz[0])) / float(hz[len(hz) // 2])


def searched(made: Made, kind: str, entry: Entry) -> tuple[np.ndarray, dict[str, Any], float]:
    """What a finder of others looks at, its own parameters of it, and the area of the beam in pixels."""
    cube = read_cube(made.dirty if kind == "dirty" else made.cleaned, own=True)
    assert cube.beam is not None
    beam = [axis / cube.cell_arcsec for axis in cube.beam[:2]]
    area = gaussian_area(*beam)
    if entry.kind == "cube":
        return cube.data, {"beam_area": area, "region": 0}, area
    # Noise that is correlated over the beam needs no smoothing, with which Aegean starts.
    return integrate(cube.data), {"beam": float(np.sqrt(beam[0] * beam[1])), "smoothing": 0.0}, area


def search_of(made: Made, kind: str, entry: Entry, point: Mapping[str, Any]) -> Table:
    """What a finder of others finds with some parameters."""
    image, own, area = searched(made, kind, entry)
    table = find_all(entry.find, [(made.cube_id, image)], {**own, **point})
    total = np.asarray(table["flux"], dtype=float) / area
    if kind == "dirty" and len(table):
        pb = read_cube(made.setup.files()[1], own=True).data
        at = [np.clip(np.rint(np.asarray(table[axis])).astype(int), 0, pb.shape[1] - 1) for axis in "yx"]
        total = total / np.maximum(pb[len(pb) // 2][at[0], at[1]], 0.05)
    table["total"] = total
    return table


def tuned(name: str, kind: str, validation: Sequence[Made], place: Path) -> dict[str, dict[str, Any]]:
    """Parameters of a finder by criterion, of the grid those with the highest F1 on all validation cubes."""
    entry = get_entry(name)
    grid = {**entry.grid, **GRIDS.get(name, {})}
    entry = Entry(**{**vars(entry), "grid": grid})
    key = digest(
        {
            "cubes": [f"{one.setup.key} {one.cube_id}" for one in validation],
            "grid": {k: list(v) for k, v in grid.items()},
        }
    )
    path = place / "tuned" / f"{kind}-{name}-{key}.json"
    if not path.is_file():
        found: list[list[Table]] = [[] for _ in entry.points]
        for made in validation:
            for tables, point in zip(found, entry.points, strict=True):
                tables.append(search_of(made, kind, entry, point))
        truth, chosen = truth_of(list(validation)), {}
        for criterion in CRITERIA:
            scores = [
                _f1(matched(vstack(one, metadata_conflicts="silent"), truth, criterion, entry.kind == "cube"))
                for one in found
            ]
            best = int(np.argmax(scores))
            chosen[criterion] = {"parameters": entry.points[best], "f1": scores[best]}
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps(chosen, indent=1))
        logging.warning("%s, %s: %s", name, kind, chosen)
    return json.loads(path.read_text())


def matched(found: Table, truth: Table, criterion: str, with_line: bool) -> Matches:
    """Pairs by boxes, and line ranges of a method that has them, or by the distance of the places alone.

    Boxes of a source that is told from its voxels hold all of these, and their centres are not where it is.
    """
    if criterion == "box":
        return match(found, truth, **CRITERION.criterion(with_line=with_line))
    return match(_without_boxes(found), _without_boxes(truth), **CRITERION.criterion(with_box=False))


def _without_boxes(table: Table) -> Table:
    return table[[name for name in table.colnames if name not in BOX]]


def _f1(matches: Matches) -> float:
    return 2.0 * matches.tp / max(2 * matches.tp + matches.fp + matches.fn, 1)


def searches(validation: Sequence[Made], place: Path) -> list[Search]:
    """All methods on all kinds of cubes; of those of others the ones that are installed."""
    code = digest({"code": code_version()})
    found = [
        Search(f"**cubefocus**{told}", kind, partial(own_search, kind=kind, with_psf=with_psf), lambda _: code)
        for kind, with_psf, told in (("dirty", True, ", dirty beam"), ("dirty", False, ", beam of the header"),
                                     ("cleaned", False, ""))
    ]  # fmt: skip
    for name in FINDERS:
        entry = get_entry(name)
        if entry.lacks:
            logging.warning("%s: %s", name, entry.lacks)
            continue
        for kind in KINDS:
            found.append(_search(name, kind, entry, tuned(name, kind, validation, place)))
    return found


def _search(name: str, kind: str, entry: Entry, chosen: Mapping[str, Mapping[str, Any]]) -> Search:
    def find(made: Made, criterion: str) -> Table:
        return search_of(made, kind, entry, chosen[criterion]["parameters"])

    return Search(name, kind, find, lambda one: digest(dict(chosen[one]["parameters"])), entry.kind == "cube")


def found_in(search: Search, made: Made, criterion: str, place: Path) -> tuple[Table, float]:
    """Table of a method for a cube, and the seconds of the processor that it took; kept on disk."""
    name = "".join(c for c in search.name if c.isalnum() or c == "_")
    folder = place / "found" / f"{search.kind}-{name}-{search.key(criterion)}"
    path = folder / f"{made.setup.key}-{made.cube_id}.ecsv"
    if not path.is_file():
        before = cpu_seconds()
        table = search.find(made, criterion)
        write_table(path, table, {"cpu_seconds": cpu_seconds() - before})
    table = read_table(path)
    return table, float(table.meta["provenance"]["cpu_seconds"])


def cpu_seconds() -> float:
    """Of this process and of those that it started and that are still there."""
    total = time.process_time()
    for task in Path("/proc/self/task").iterdir():
        for child in (task / "children").read_text().split():
            fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
            total += (int(fields[11]) + int(fields[12])) / TICKS
    return total
