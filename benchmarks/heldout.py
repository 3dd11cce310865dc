"""``cubefocus detect`` on cubes of set-ups that nothing was made for, beside the finders of others.

    python benchmarks/heldout.py [--validation 2] [--test 4] [--setups 1 2 3] [--responses build/responses]

Cubes are made once (``setups.py``; minutes of CASA for each set-up) and kept under build/heldout, and so is what each
method found in each: a run that was ended goes on. The search is run again when its code has changed.
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from astropy.table import Table, vstack
from common import machine, write_results
from fitting import CRITERION, QUANTITIES, errors_of
from scene import CACHE
from setups import PLACE, SETUPS, Made, SetUp, make, truth_of

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
from cubefocus.stats.intervals import wilson
from cubefocus.tables.columns import column
from cubefocus.tables.matching import Matches, match

KINDS = ("dirty", "cleaned")
FINDERS = ("smooth_and_clip", "smooth_and_clip_defaults", "sofia", "bdsf", "aegean")
# A part of each grid of `cubefocus.find`: the rest of it is for white noise, or was never chosen there.
GRIDS: dict[str, dict[str, Sequence[Any]]] = {
    "smooth_and_clip": {
        "subtract_continuum": (False, True), "threshold": (4.0, 6.0, 10.0), "radius_xy": (1, 3), "radius_z": (1,),
    },
}  # fmt: skip
BRIGHT = 5.0  # flux over the smallest possible error: those that a search should find
APART = 3.0  # beams to the nearest other source of those that count as alone
WELL = 0.2  # stated error over flux of those whose relative error is looked at
CRITERIA = ("box", "distance")
NO_LIMIT = {f"{name}_err": 0.0 for names in QUANTITIES.values() for name in names}
TICKS = 100.0  # a second, in /proc

NOTES = (
    "Set-ups: ACA, SMA, VLA C and ALMA, -70 to 55 deg, hour angles of -2 to 3 h, beams of 3 to 14 pixels, 16 to "
    "1000 channels, of which the table by set-up has those that were searched; three fifths of the sources "
    "Gaussians, the rest rotating discs and gradients, many of them nearer to each other than two beams; noise of "
    "the visibilities alone. Cleaned: by CASA down to 3 times the noise, divided by the primary beam. Of "
    "cubefocus only the parting of islands into sources was compared on them, in three ways, and it has no network "
    "here. The parameters of the others are chosen by F1 on validation cubes, for each kind of cube and for each of "
    "the two criteria.",
    "Found, false: by the distance of centres alone (3 pixels), one to one. Bright: sources whose line or continuum "
    "flux is at least 5 times its smallest possible error (Cramer-Rao, shape and place unknown); alone: the next "
    "source is 3 beams away at least. With boxes: box and, where the method has one, the line range must agree too, "
    "as in the tables of a run; true boxes are those of the sky, while the boxes of cubefocus in a restored cube hold "
    "all that is seen of a source. Flux: continuum and line summed over the band, over the true one: median, and half "
    "of the central 68 %. CPU: of a search of one cube, all processes, median.",
)
ACCURACY_NOTES = (
    "Sources within 3 pixels of a true one whose values come with an error. Places and widths in beams (FWHM), "
    "Gaussian sources only; fluxes relative, of sources whose stated error is below 20 %. Median and half of the "
    "central 68 % of the errors, and of the errors over the stated ones; share of true values within the stated 68 "
    "and 95 %.",
)


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
                _f1(_matched(vstack(one, metadata_conflicts="silent"), truth, criterion, entry.kind == "cube"))
                for one in found
            ]
            best = int(np.argmax(scores))
            chosen[criterion] = {"parameters": entry.points[best], "f1": scores[best]}
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps(chosen, indent=1))
        logging.warning("%s, %s: %s", name, kind, chosen)
    return json.loads(path.read_text())


def _matched(found: Table, truth: Table, criterion: str, with_line: bool) -> Matches:
    limits = CRITERION.criterion(with_line=with_line) if criterion == "box" else CRITERION.criterion(with_box=False)
    return match(found, truth, **limits)


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


@dataclass
class Scored:
    """A method on all cubes of one kind."""

    search: Search
    cubes: list[Made]
    tables: dict[str, Table]
    seconds: list[float]

    def row(self) -> dict[str, Any]:
        """One row of the table of all methods."""
        truth, loose = truth_of(self.cubes), self.matches("distance")
        bright = column(truth, "limit_snr") >= BRIGHT
        alone = self.alone(truth)
        hit, found = loose.matched_true, len(self.tables["distance"])
        strict = self.matches("box")
        ratio = self.fluxes(truth, loose)
        return {
            "cubes": self.search.kind,
            "method": self.search.name,
            "sources": len(truth),
            "found": loose.tp,
            "false": loose.fp,
            "completeness": _share(loose.tp, len(truth)),
            "of bright ones": _share(int((hit & bright).sum()), int(bright.sum())),
            "bright and alone": _share(int((hit & bright & alone).sum()), int((bright & alone).sum())),
            "purity": _share(loose.tp, found),
            "with boxes: found": strict.tp,
            "false ": strict.fp,
            "flux over true": float(np.median(ratio)) if ratio.size else None,
            "scatter": half_width(ratio) if ratio.size else None,
            "CPU s": float(np.median(self.seconds)),
        }

    def matches(self, criterion: str) -> Matches:
        """Pairs with the true sources."""
        return _matched(self.tables[criterion], truth_of(self.cubes), criterion, self.search.with_line)

    def alone(self, truth: Table) -> np.ndarray:
        """Whether the nearest other source of its cube is at least `APART` beams away."""
        apart = np.full(len(truth), np.inf)
        for made in self.cubes:
            rows = np.flatnonzero(np.asarray(truth["cube_id"]) == made.cube_id)
            x, y = (column(truth, name)[rows] for name in "xy")
            away = np.hypot(x[:, None] - x[None], y[:, None] - y[None]) + np.diag(np.full(len(rows), np.inf))
            if len(rows):
                apart[rows] = away.min(axis=1) / _beam_px(made)
        return apart >= APART

    def fluxes(self, truth: Table, matches: Matches) -> np.ndarray:
        """Flux over the true one, band and line together, of the pairs."""
        setups = {made.cube_id: made.setup for made in self.cubes}
        true = []
        for row in truth[matches.true]:
            observation = setups[int(row["cube_id"])].observation
            width = KM_S * observation.channel_width_mhz / (1e3 * observation.frequency_ghz)
            true.append(row["line_flux_jykms"] / width + 1e-3 * row["continuum_mjy"] * observation.n_channels)
        return np.asarray(self.tables["distance"]["total"], dtype=float)[matches.pred] / np.array(true)


def _share(k: int, n: int) -> str:
    low, high = (float(end) for end in wilson(k, n))
    return f"{k / n:.3f} [{low:.3f}, {high:.3f}]" if n else ""


def half_width(values: np.ndarray) -> float:
    """Half of the central 68 %."""
    low, high = np.quantile(values, [0.16, 0.84])
    return float(0.5 * (high - low))


def score(search: Search, cubes: Sequence[Made], place: Path) -> Scored:
    """Search all cubes; with each criterion's own parameters."""
    tables: dict[str, Table] = {}
    seconds: list[float] = []
    for criterion in CRITERIA:
        parts = [found_in(search, made, criterion, place) for made in cubes]
        filled = [table for table, _ in parts if len(table)] or [parts[0][0]]
        for table in filled:
            table.meta.clear()
        tables[criterion] = vstack(filled, metadata_conflicts="silent")
        seconds = [spent for _, spent in parts]
    return Scored(search, list(cubes), tables, seconds)


def by_setup(scored: Sequence[Scored], setups: Sequence[SetUp], place: Path) -> list[dict[str, Any]]:
    """The methods on the cubes of each set-up."""
    rows = []
    for setup in setups:
        for one in scored:
            cubes = [made for made in one.cubes if made.setup is setup]
            row = score(one.search, cubes, place).row()
            beam = read_cube(cubes[0].dirty, own=True)
            assert beam.beam is not None
            size = f"{beam.beam[0] / beam.cell_arcsec:.3g} x {beam.beam[1] / beam.cell_arcsec:.3g}"
            rows.append({"set-up": setup.name, "beam (px)": size} | row)
    return rows


def accuracy(one: Scored) -> list[dict[str, Any]]:
    """One row a quantity of one of our own searches."""
    truth, found, matches = truth_of(one.cubes), one.tables["distance"], one.matches("distance")
    beams = {made.cube_id: _beam_px(made) for made in one.cubes}
    values: dict[str, list[tuple[float, float, float]]] = {}
    for pred, true in zip(matches.pred, matches.true, strict=True):
        row, is_gaussian = truth[int(true)], truth["type"][int(true)] == "gaussian"
        errors = errors_of(found[int(pred)], row, NO_LIMIT)
        for quantity, names in QUANTITIES.items():
            in_flux = "flux" in quantity or "continuum" in quantity
            for name in names if is_gaussian or in_flux else ():
                scale = abs(float(row[name])) if in_flux else beams[int(row["cube_id"])] if "px" in quantity else 1.0
                label = quantity.split(" (")[0] + ("" if is_gaussian else ", discs and gradients")
                values.setdefault(label, []).append((*errors[name][:2], scale))
    return [_accuracy_row(one, label, np.array(rows)) for label, rows in values.items()]


def _beam_px(made: Made) -> float:
    cube = read_cube(made.dirty, own=True)
    assert cube.beam is not None
    return float(np.sqrt(cube.beam[0] * cube.beam[1])) / cube.cell_arcsec


def _accuracy_row(one: Scored, label: str, values: np.ndarray) -> dict[str, Any]:
    error, stated, scale = values[np.isfinite(values).all(axis=1) & (values[:, 1] > 0)].T
    pulls, relative = error / stated, error / scale
    if "flux" in label or "continuum" in label:
        relative = relative[stated < WELL * np.abs(error + scale)]
    return {
        "cubes": one.search.kind,
        "method": one.search.name,
        "quantity": label,
        "values": len(pulls),
        "without error": len(values) - len(pulls),
        "median error": float(np.median(relative)) if relative.size else None,
        "68 %": half_width(relative) if relative.size else None,
        "median over stated": float(np.median(pulls)),
        "68 % over stated": half_width(pulls),
        "within 68 %": float(np.mean(np.abs(pulls) < 1.0)),
        "within 95 %": float(np.mean(np.abs(pulls) < 1.96)),
    }


def main() -> None:
    """Make what is missing, search it, and write ``results/heldout*.md`` and the same as CSV."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--validation", type=int, default=2, help="cubes of each set-up to choose parameters on")
    parser.add_argument("--test", type=int, default=4, help="cubes of each set-up in the tables")
    parser.add_argument("--setups", type=int, nargs="+", default=[one.number for one in SETUPS])
    parser.add_argument("--tested", type=int, nargs="+", help="set-ups in the tables (default: all)")
    parser.add_argument("--quick", action="store_true", help="choose parameters on one validation cube of each set-up")
    parser.add_argument("--responses", type=Path, default=CACHE, help="cache of responses")
    options = parser.parse_args()
    torch.set_num_threads(1)
    setups = [one for one in SETUPS if one.number in options.setups]
    cubes = [make(one, options.validation, options.test, cache=options.responses) for one in setups]
    validation = [made for one in cubes for made in one["validation"]]
    shown = [one for one in setups if one.number in (options.tested or options.setups)]
    test = [made for setup, one in zip(setups, cubes, strict=True) if setup in shown for made in one["test"]]
    first = [one["validation"][0] for one in cubes if one["validation"]] if options.quick else validation
    scored = [score(search, test, PLACE) for search in searches(first, PLACE)]
    scored.sort(key=lambda one: KINDS.index(one.search.kind))
    facts = machine()
    title = f"cubefocus detect on {len(test)} held-out cubes of {len(shown)} set-ups"
    write_results("heldout", title, [one.row() for one in scored], facts, NOTES)
    write_results("heldout_setups", f"{title}: by set-up", by_setup(scored, shown, PLACE), facts, NOTES)
    rows = [row for one in scored if "cubefocus" in one.search.name for row in accuracy(one)]
    write_results("heldout_accuracy", f"{title}: errors and their coverage", rows, facts, ACCURACY_NOTES)


if __name__ == "__main__":
    main()
