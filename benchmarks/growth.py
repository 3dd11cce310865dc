"""How time and memory grow with voxels, cubes, sources and ranks, in one figure.

    python benchmarks/growth.py [--only fit ranks]

Voxels and dry runs are those of ``detect``, ``denoise`` and ``dryrun``, from their committed tables; the rest is
measured here, each size in a process of its own, in six minutes. The first run has CASA measure two responses (two
minutes).
"""

from __future__ import annotations

import argparse
import json
import math
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import detect
import matplotlib
from common import RESULTS, Cost, cost_of, machine, read_rows, write_results
from fitting import BOX, CONFIG, DEMO
from matplotlib.figure import Figure
from scene import CACHE, catalogue_of, paper_response, scenes_of

from cubefocus.alma.fitted import fit_cube
from cubefocus.engines.measure import get_response
from cubefocus.files import read_table, write_table
from cubefocus.fit.beam import Beam
from cubefocus.jobs.simulate import Simulate
from cubefocus.report.figures.style import PAGE, letter, logarithmic, look, method_legend, new_figure, styled
from cubefocus.sky.catalogue import draw_catalogue

SEED = 91_000  # fit.py has those from 90 000
SEARCHED = (1, 4, 16, 64, 256)  # sources of a restored cube
FITTED = (2, 4, 8, 16)  # and of a dirty one of the paper's size
SIMULATED = (8, 32, 128)  # cubes of the default experiment
RANKS = (1, 2, 3, 4)
RANKED = {"casa": 6, "fft": 96}  # cubes that the ranks share
AGAINST = ("voxels", "cubes", "sources", "ranks")
NOTE = (
    "Each row is a process of its own, from its start to its end: seconds by the clock, of all cores together, and the "
    "highest resident memory, of ranks that of all processes together. Imports of 2 to 4 s are in every row. Power: "
    "how time of all cores and memory grow from the size before, as size to this power; 1 is proportional, 0 does not "
    "grow. The rows of detect, denoise and dryrun are those of their own tables."
)
RANK_NOTE = (
    "Of several ranks the first hands out the cubes and the others make them, one thread each: 2 ranks are one that "
    "works, and on two cores more than 3 gain nothing."
)
Row = dict[str, Any]


def row_of(what: str, against: str, size: float, wall: float, cpu: float, memory: float | None) -> Row:
    """One row of the table, without its powers."""
    assert against in AGAINST
    return {"what": what, "against": against, "size": size, "wall, s": wall, "all cores, s": cpu, "peak, MB": memory}


def measured(what: str, against: str, size: float, cost: Cost) -> Row:
    """One row of what was measured here."""
    return row_of(what, against, size, cost.seconds, cost.cpu_seconds, cost.peak_mb)


def search_rows(folder: Path) -> Iterator[Row]:
    """`cubefocus detect` on one size of cube, with more and more sources."""
    for number in SEARCHED:
        detect.make(folder / "cube.fits", detect.SMALL, number)
        cost = detect.detect(folder / "cube.fits", folder / f"found{number}", "--no-pictures")
        print(f"{len(read_table(folder / f'found{number}' / 'catalogue.ecsv'))} of {number} found")
        yield measured("detect, 360 x 360 x 128, restored", "sources", number, cost)


def fit_rows(folder: Path) -> Iterator[Row]:
    """The fit through the dirty beam, from nothing, in a cube of the paper's size."""
    paper_response()
    for number in FITTED:
        cost = cost_of(__file__, "--worker", "fit", str(number))
        yield measured("fit through the beam, 360 x 360 x 128, from nothing", "sources", number, cost)


def fit_worker(number: str) -> None:
    """Simulate a cube with a number of sources and fit it."""
    response, catalogue = paper_response(), catalogue_of(1, SEED, others=(int(number) - 1, int(number) - 1))
    dirty = scenes_of(catalogue, response)[0].dirty
    fitted = fit_cube(dirty, Beam.of_response(response), box_level=BOX["box_level"])
    print(f"{len(fitted.catalogue)} sources fitted of {number}")


def simulation(folder: Path, cubes: int, engine: str) -> Path:
    """File with a job that makes cubes of the default experiment."""
    get_response(DEMO, CACHE)
    sky = draw_catalogue(CONFIG["sky"], DEMO.n_channels, {"train": cubes}, None, SEED, n_pixels=DEMO.n_pixels)
    write_table(folder / "sky.ecsv", sky, {})
    observation, out = asdict(DEMO), str(folder / f"cubes-{engine}-{cubes}")
    noise = {"thermal": True, "snr": None}
    job = Simulate(str(folder / "sky.ecsv"), list(range(cubes)), out, observation, noise, BOX, engine, str(CACHE))
    path = folder / "job.json"
    path.write_text(json.dumps(asdict(job)))
    return path


def simulation_worker(path: str, ranks: str) -> None:
    """Do a job of `simulation` in this process or over ranks."""
    from cubefocus.jobs.simulate import run
    from cubefocus.ranks import launch

    job = Simulate(**json.loads(Path(path).read_text()))
    if ranks == "1":
        run(job)
    else:
        launch(run, job, int(ranks), "mpiexec --oversubscribe", job.cubes)


def cube_rows(folder: Path) -> Iterator[Row]:
    """Simulation of more and more cubes in one process of one thread."""
    for number in SIMULATED:
        job = simulation(folder, number, "fft")
        cost = cost_of(__file__, "--worker", "simulation", str(job), "1", together=True)
        yield measured("simulate (fft), 128 x 128 x 32, one process", "cubes", number, cost)


def rank_rows(folder: Path) -> Iterator[Row]:
    """Simulation of the same cubes by CASA, and by the engine fft, over more and more ranks."""
    for engine, cubes in RANKED.items():
        for ranks in RANKS:
            place = folder / f"{engine}{ranks}"
            place.mkdir()
            job = simulation(place, cubes, engine)
            cost = cost_of(__file__, "--worker", "simulation", str(job), str(ranks), together=True)
            yield measured(f"simulate ({engine}), {cubes} cubes of 128 x 128 x 32", "ranks", ranks, cost)


MEASURED: dict[str, Callable[[Path], Iterator[Row]]] = {
    "cubes": cube_rows, "search": search_rows, "fit": fit_rows, "ranks": rank_rows,
}  # fmt: skip
WORKERS: dict[str, Callable[..., None]] = {"fit": fit_worker, "simulation": simulation_worker}


def rows_of_others() -> list[Row]:
    """Rows of the tables of `cubefocus detect`, `cubefocus denoise` and dry runs."""
    rows = []
    for one in [*read_rows("detect"), *read_rows("detect_large")]:
        if one["pictures"] == "no":
            voxels = math.prod(map(int, one["cube"].split(" x ")))
            costs = (float(one[key]) for key in ("wall [s]", "all cores [s]", "peak [MB]"))
            rows.append(row_of(f"detect, at most {one['memory [GB]']} GB", "voxels", voxels, *costs))
    for one in [*read_rows("denoise"), *read_rows("denoise_large")]:
        if not one["ranks"]:
            costs = (float(one[key]) for key in ("wall, s", "all cores, s", "peak, MB"))
            rows.append(row_of(f"denoise, {one['network']}", "voxels", 1e6 * float(one["Mpx"]), *costs))
    for one in read_rows("dryrun"):
        costs = (float(one[key]) for key in ("seconds", "CPU seconds", "MB"))
        rows.append(row_of(f"dry run, {one['cubes a job']} cubes a job", "cubes", float(one["cubes"]), *costs))
    return rows


def with_powers(rows: list[Row]) -> list[Row]:
    """Rows in the order of series and size, with the power by which each grew from the one before."""
    ordered = []
    for against in AGAINST:
        for what in dict.fromkeys(row["what"] for row in rows if row["against"] == against):
            series = sorted((row for row in rows if row["what"] == what), key=lambda row: float(row["size"]))
            for before, row in zip([None, *series], series, strict=False):
                powers = {
                    f"power of {name}": before and _power(before, row, key)
                    for name, key in (("time", "all cores, s"), ("memory", "peak, MB"))
                }
                ordered.append({**row, **powers})
    return ordered


def _power(before: Row, row: Row, key: str) -> float:
    return math.log(row[key] / before[key]) / math.log(row["size"] / before["size"])


@styled
def figure_of(rows: list[Row]) -> Figure:
    """Time by the clock and memory against each quantity, on logarithmic axes."""
    figure, axes = new_figure(2, len(AGAINST), PAGE, 5.2, sharex="col")
    names = list(dict.fromkeys(row["what"] for row in rows))
    for column, against in enumerate(AGAINST):
        for line, key in enumerate(("wall, s", "peak, MB")):
            panel = axes[line, column]
            letter(panel, line * len(AGAINST) + column)
            for number, what in enumerate(names):
                series = [row for row in rows if row["what"] == what and row["against"] == against]
                if series:
                    style = dict(zip(("c", "ls", "marker"), look(number), strict=True))
                    panel.plot([row["size"] for row in series], [row[key] for row in series], label=what, **style)
            for axis in "xy":
                logarithmic(panel, axis)
        axes[1, column].set_xlabel(against)
    axes[0, 0].set_ylabel("seconds by the clock")
    axes[1, 0].set_ylabel("highest memory [MB]")
    method_legend(figure, axes.ravel(), 2)
    return figure


def main() -> None:
    """Measure, and write ``results/growth.md``, ``.csv`` and ``.svg``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", choices=MEASURED, help="measure these and leave the others out")
    parser.add_argument("--worker", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        WORKERS[options.worker[0]](*options.worker[1:])
        return
    os.environ["OMP_NUM_THREADS"] = "1"
    chosen = list(MEASURED) if options.only is None else options.only
    facts = machine()
    rows = rows_of_others()
    with tempfile.TemporaryDirectory() as temporary:
        for name in chosen:
            folder = Path(temporary) / name
            folder.mkdir()
            rows += MEASURED[name](folder)
    rows = with_powers(rows)
    write_results("growth", "Growth of time and memory", rows, facts, ["![Growth](growth.svg)", NOTE, RANK_NOTE])
    with matplotlib.rc_context({"svg.hashsalt": "growth", "svg.fonttype": "none"}):
        figure_of(rows).savefig(RESULTS / "growth.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
