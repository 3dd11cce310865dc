"""``cubefocus detect`` on cubes of set-ups that nothing was made for, beside the finders of others.

    python benchmarks/heldout.py [--validation 2] [--test 4] [--setups 1 2 3] [--responses build/responses]

Cubes are made once (``setups.py``; minutes of CASA for each set-up) and kept under build/heldout, and so is what each
method found in each: a run that was ended goes on. The search is run again when its code has changed.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from astropy.table import Table, vstack
from common import machine, write_results
from fitting import QUANTITIES, errors_of
from scene import CACHE
from searches import CRITERIA, KINDS, Search, found_in, matched, searches
from setups import PLACE, SETUPS, Made, SetUp, make, truth_of

from cubefocus.alma.fitted import KM_S
from cubefocus.cube.reading import read_cube
from cubefocus.stats.intervals import wilson
from cubefocus.tables.columns import column
from cubefocus.tables.matching import Matches

BRIGHT = 5.0  # flux over the smallest possible error: those that a search should find
APART = 3.0  # beams to the nearest other source of those that count as alone
WELL = 0.2  # stated error over flux of those whose relative error is looked at
NO_LIMIT = {f"{name}_err": 0.0 for names in QUANTITIES.values() for name in names}

NOTES = (
    "Set-ups: ACA, SMA, VLA C and ALMA, -70 to 55 deg, hour angles of -2 to 3 h, beams of 3 to 14 pixels, 16 to "
    "1000 channels, of which the table by set-up has those that were searched; three fifths of the sources "
    "Gaussians, the rest rotating discs and gradients, many of them nearer to each other than two beams; noise of "
    "the visibilities alone. Cleaned: by CASA down to 3 times the noise, divided by the primary beam. How cubefocus "
    "parts islands into sources was chosen on cubes of other seeds of the set-ups 2, 3 and 5; it has its defaults and "
    "no network here. The parameters of the others are chosen by F1 on validation cubes, for each kind of cube and for "
    "each of the two criteria.",
    "Found, false: by the distance of places alone (3 pixels), one to one. Bright: sources whose line or continuum "
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
        return matched(self.tables[criterion], truth_of(self.cubes), criterion, self.search.with_line)

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
