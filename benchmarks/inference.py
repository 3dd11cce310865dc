"""Time of the detection chain on cubes of the paper's size, and of reading them; beside CASA and published figures.

    python benchmarks/inference.py [--device cuda] [--responses FOLDER]

The table has CASA's rows if ``casa.py`` has measured them before.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from astropy.io import fits
from common import alternate, machine, peak_memory_mb, read_rows, write_results
from scene import CACHE, Scene, catalogue_of, knowing_chain, paper_networks, paper_response, scenes_of

from cubefocus.alma import catalogue
from cubefocus.alma.chain import Chain
from cubefocus.alma.searched import Searched
from cubefocus.cube.reading import read_cube
from cubefocus.cube.writing import write_cube

Row = dict[str, Any]
PUBLISHED = (
    ("published: DeepFocus, whole chain (MNRAS 518, 3407, Sec. 6)", "not said", 10.0),
    ("published: DeepFocus, whole chain of its first version (ECML PKDD 2022)", "not said", 3.2),
    ("published: Blobs Finder alone, with reading (MNRAS, data availability)", "2 NVIDIA Tesla K20", 23.0),
    ("published: tclean niter=200, 256 x 256 x 128 (ESO study report, Sec. 5.5)", "8 Intel Xeon E5-2680", 4.3 * 60e3),
)
NOTES = (
    "Wall-clock times in ms a cube of 360 x 360 x 128 voxels: median, fastest and slowest of the rounds. The steps are "
    "timed within the chain, and add up to it. CPU is the time of all cores together. Memory is what is needed beyond "
    "the cubes themselves. Reading is from a warm cache, to float32 in native order.",
    "The networks have the paper's size and random weights. They run, but the chain goes on with the true map, the "
    "true spectra and fixed shapes, so that it has as many candidates as with trained ones: a random map would hold "
    "hundreds, or none. Sky and noise are those of experiments/paper.yaml, observed by the engine fft.",
)


class Stopwatch:
    """Adds up times by name, one list entry a lap: seconds by the clock, and of all cores."""

    def __init__(self) -> None:
        self.laps: dict[str, list[tuple[float, float]]] = defaultdict(list)
        self._open: dict[str, tuple[float, float]] = defaultdict(lambda: (0.0, 0.0))

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        before = self._open[name]
        self._open[name] = before[0] + time.perf_counter() - wall, before[1] + time.process_time() - cpu

    def lap(self) -> None:
        """End a lap."""
        for name, times in self._open.items():
            self.laps[name].append(times)
        self._open.clear()


def run_chain(chain: Chain, scenes: list[Scene], watch: Stopwatch) -> list[Searched]:
    """Do what `Chain.detect` does, each step on the watch."""
    with watch("whole chain"):
        with watch("integrate and find blobs"):
            found = chain.find_blobs([one.dirty for one in scenes])
        with watch("spectra and lines"):
            found = chain.find_lines(found)
        with watch("focus and deblend"):
            found = chain.focus(found)
        with watch("shapes"):
            found = chain.measure_shapes(found)
        with watch("line images, fluxes, errors"):
            found = chain.measure_fluxes(found)
        with watch("tables"):
            catalogue.catalogue_table(found, None)
            catalogue.candidates_table(found)
    watch.lap()
    return found


def time_chain(scenes: list[Scene], device: str, rounds: int) -> list[Row]:
    """Rows for the chain and its steps, on all scenes at once."""
    watch = Stopwatch()
    chain = knowing_chain(scenes, paper_networks(device), watch)
    memory = peak_memory_mb(lambda: run_chain(chain, scenes, watch))  # first of all: later calls find memory ready
    run_chain(chain, scenes, watch)
    watch.laps.clear()
    for _ in range(rounds):
        found = run_chain(chain, scenes, watch)
    n_sources = sum(len(one.sources) for one in found)
    where = torch.cuda.get_device_name() if torch.device(device).type == "cuda" else "CPU"
    rows = []
    for name in _ORDER:
        wall, cpu = (1e3 / len(scenes) * np.array(watch.laps[name])).T
        rows.append(make_row(name, where, len(scenes), wall.tolist(), cpu=median(cpu.tolist())))
    rows[0]["what"], rows[0]["memory MB"] = f"**whole chain**, {n_sources / len(scenes):.1f} sources a cube", memory
    return rows


_ORDER = (
    "whole chain", "integrate and find blobs", "Blobs Finder", "spectra and lines", "Deep GRU", "focus and deblend",
    "shapes", "ResNets sigma_x, sigma_y, pa", "line images, fluxes, errors", "ResNet flux", "tables",
)  # fmt: skip


def make_row(
    what: str,
    where: str,
    cubes: int | None,
    milliseconds: list[float],
    memory: float | None = None,
    cpu: float | None = None,
) -> Row:
    """One row of the table; ``milliseconds`` a cube of each round."""
    several = len(milliseconds) > 1
    return {
        "what": f"of it {what}" if what.split()[0] in ("Blobs", "Deep", "ResNet", "ResNets") else what,
        "on": where,
        "cubes at a time": cubes,
        "ms a cube": median(milliseconds),
        "fastest": min(milliseconds) if several else None,
        "slowest": max(milliseconds) if several else None,
        "CPU ms": cpu,
        "memory MB": memory,
    }


def time_reading(scene: Scene, rounds: int) -> list[Row]:
    """Rows for reading a cube by this package and by plain astropy, as it is and compressed."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for kind, seed, index in (("", None, 0), (", compressed", 1, 1)):
            path = Path(folder) / f"cube{index}.fits"
            write_cube(path, scene.dirty.data, scene.dirty.header, {}, compress_seed=seed)

            def plain(path: Path = path, index: int = index) -> np.ndarray:
                with fits.open(path) as hdus:
                    return np.asarray(hdus[index].data, dtype=np.float32)

            def ours(path: Path = path) -> np.ndarray:
                return read_cube(path).data

            times = alternate({"astropy.io.fits": plain, "read_cube": ours}, rounds, warmup=2, memory=True)
            ratio = times["read_cube"].median / times["astropy.io.fits"].median
            for name, timing in times.items():
                what = f"reading{kind}: {name}" + (f" ({ratio:.2f} of astropy)" if name == "read_cube" else "")
                wall = [1e3 * one for one in timing.seconds]
                rows.append(make_row(what, "CPU", 1, wall, timing.peak_mb, 1e3 * timing.cpu))
    return rows


def others() -> list[Row]:
    """Rows of CASA, where ``casa.py`` has been run, and published ones."""
    rows = []
    for row in read_rows("casa"):
        wall, cpu = (1e3 * float(row[key]) for key in ("seconds", "CPU seconds"))
        rows.append(make_row(f"CASA {row['what']}", "CPU, one core", 1, [wall], cpu=cpu))
    return rows + [make_row(what, where, None, [value]) for what, where, value in PUBLISHED]


def main() -> None:
    """Measure everything and write ``results/inference.md`` and ``.csv``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=2, help="of torch, on the CPU")
    parser.add_argument("--batch", type=int, default=8, help="cubes at a time")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--responses", type=Path, default=CACHE, help="cache of measured responses")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    scenes = scenes_of(catalogue_of(options.batch), paper_response(options.responses))
    facts = machine(options.device)
    rows: list[Row] = []
    for device in dict.fromkeys([options.device, "cpu"]):
        for number in (1, options.batch):
            rows += time_chain(scenes[:number], device, options.rounds)
    rows += time_reading(scenes[0], options.rounds) + others()
    write_results("inference", "Detection: time of a cube", rows, facts, NOTES)


if __name__ == "__main__":
    main()
