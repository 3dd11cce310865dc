"""What it is worth that a training keeps the memory of a step for the next one (`cubefocus/learn/memory.py`).

    python benchmarks/memory.py [--repeats 5] [--images 64] [--threads 2]

Blobs Finder of the paper's size on the CPU, in two processes that take turns: the C library is told once for a whole
process what to keep.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

import torch
from common import MB, Timing, alternate, machine, write_results
from training import BATCH_SIZE, WARMUP, our_epoch, ratio

from cubefocus.learn.memory import kept_memory

LEFT, KEPT = "C library left to itself", "kept_memory"
NOTE = (
    f"An epoch of `train_epoch` of `cubefocus/learn/loop.py`, images of 256 x 256, {BATCH_SIZE} a batch. Pages that "
    "the system cleared for the process in a step (median over the epochs), memory that it holds between epochs and "
    "after the training. Ratios are to the C library left to itself in the same round: median, smallest and "
    "largest, in wall-clock time and in the processors' time, which others' load moves least. It is the GNU C library "
    "that is told; with another one both rows are alike."
)


@dataclass(frozen=True)
class Cost:
    """What an epoch took: seconds of all cores, pages that the system cleared, MB held after it."""

    cpu_s: float
    pages: int
    held_mb: float


def held_mb() -> float:
    """Memory that this process holds now (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / MB


def serve(name: str, images: int, threads: int, pipe: Connection) -> None:
    """What a process does: an epoch for each message, and at the end what it still holds."""
    torch.set_num_threads(threads)
    with kept_memory() if name == KEPT else nullcontext():
        epoch = our_epoch(images, torch.device("cpu"))
        while pipe.recv():
            cpu, pages = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_minflt
            epoch()
            cleared = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - pages
            pipe.send(Cost(time.process_time() - cpu, cleared, held_mb()))
        del epoch
    pipe.send(held_mb())


@contextmanager
def process(name: str, options: argparse.Namespace, costs: list[Cost], end: list[float]) -> Iterator[Callable[[], Any]]:
    """Process of one way; gives the function that makes it run an epoch and notes what that took."""
    here, there = multiprocessing.Pipe()
    arguments = (name, options.images, options.threads, there)
    worker = multiprocessing.get_context("spawn").Process(target=serve, args=arguments)
    worker.start()
    there.close()

    def epoch() -> None:
        here.send(True)
        costs.append(here.recv())

    yield epoch
    here.send(False)
    end.append(here.recv())
    worker.join()


def main() -> None:
    """Measure, and write ``results/memory.md`` and ``.csv``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2, help="of torch")
    parser.add_argument("--repeats", type=int, default=5, help="rounds that are timed")
    parser.add_argument("--images", type=int, default=64, help="of an epoch")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    costs: dict[str, list[Cost]] = {name: [] for name in (LEFT, KEPT)}
    ends: dict[str, list[float]] = {name: [] for name in costs}
    with ExitStack() as stack:
        epochs = {name: stack.enter_context(process(name, options, costs[name], ends[name])) for name in costs}
        times = alternate(epochs, options.repeats, warmup=WARMUP)
    timed = {name: each[WARMUP:] for name, each in costs.items()}
    rows = [row(name, times, timed, ends[name][0], options.images) for name in costs]
    write_results("memory", "Memory that a training keeps", rows, machine(), [NOTE])


def row(name: str, times: dict[str, Timing], costs: dict[str, list[Cost]], end: float, images: int) -> dict[str, Any]:
    """One row of the table."""
    steps = -(-images // BATCH_SIZE)
    cpu = {key: [one.cpu_s for one in each] for key, each in costs.items()}
    return {
        "memory": name,
        "images/s": images / times[name].median,
        "pages a step": float(median(one.pages for one in costs[name]) / steps),
        "held between epochs, MB": float(median(one.held_mb for one in costs[name])),
        "held at the end, MB": end,
        "ratio": ratio(times[LEFT].seconds, times[name].seconds),
        "ratio of CPU time": ratio(cpu[LEFT], cpu[name]),
    }


if __name__ == "__main__":
    main()
