"""What all benchmarks share: the machine in words, paired timings, peak memory, result files."""

from __future__ import annotations

import csv
import gc
import os
import platform
import re
import statistics
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil
import torch

from cubefocus.provenance import processor

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("numpy", "scipy", "astropy", "torch", "casatasks")
MB = 1e6
SAMPLING = 0.1  # s between two looks at the memory of several processes


def machine(device: str = "cpu") -> dict[str, str]:
    """Describe what the benchmark runs on, without names of hosts or paths; ``device`` as torch spells it."""
    facts = {"processor": f"{processor()}, {len(os.sched_getaffinity(0))} cores, {_memory_gb():.0f} GB"}
    if torch.device(device).type == "cuda":
        facts["device"] = f"{torch.cuda.get_device_name()}, CUDA {torch.version.cuda}"
    facts["threads"] = str(torch.get_num_threads())
    facts["load"] = f"{os.getloadavg()[0]:.1f} (others' and own, last minute)"
    facts["python"] = platform.python_version()
    facts |= {name: version for name in PACKAGES if (version := _version(name))}
    return facts | {"date": date.today().isoformat()}


def _memory_gb() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


@dataclass
class Timing:
    """Times of one candidate in seconds, in the order of the rounds.

    Attributes
    ----------
    seconds : list of float
        By the clock.
    cpu_seconds : list of float
        Of all cores together, which others on the machine disturb little.
    peak_mb : float or None
        Memory, if it was asked for.
    """

    seconds: list[float]
    cpu_seconds: list[float]
    peak_mb: float | None = None

    @property
    def median(self) -> float:
        """Median in seconds."""
        return statistics.median(self.seconds)

    @property
    def spread(self) -> tuple[float, float]:
        """Fastest and slowest in seconds."""
        return min(self.seconds), max(self.seconds)

    @property
    def cpu(self) -> float:
        """Median in seconds of all cores."""
        return statistics.median(self.cpu_seconds)


def alternate(
    candidates: Mapping[str, Callable[[], Any]],
    rounds: int = 7,
    warmup: int = 1,
    synchronise: Callable[[], Any] | None = None,
    memory: bool = False,
) -> dict[str, Timing]:
    """Time candidates in turns, so that what else the machine does falls on all of them alike.

    Parameters
    ----------
    candidates : mapping of name to callable
        Called without arguments; results are thrown away before the next call.
    rounds, warmup : int
        How often each is timed, and called before that without being timed.
    synchronise : callable, optional
        Waits for the device, such as ``torch.cuda.synchronize``.
    memory : bool
        Measure the peak memory as well, in one more call of each.

    Returns
    -------
    dict of Timing, by name
    """
    wait = synchronise or (lambda: None)
    for _ in range(warmup):
        for call in candidates.values():
            call()
    times = {name: Timing([], []) for name in candidates}
    names = list(candidates)
    for number in range(rounds):
        # Every other round goes backwards: who comes after whom does not decide either.
        for name in names if number % 2 == 0 else reversed(names):
            wait()
            wall, cpu = time.perf_counter(), time.process_time()
            candidates[name]()
            wait()
            times[name].seconds.append(time.perf_counter() - wall)
            times[name].cpu_seconds.append(time.process_time() - cpu)
    for name in names if memory else []:
        times[name].peak_mb = peak_memory_mb(candidates[name])
    return times


def peak_memory_mb(call: Callable[[], Any]) -> float:
    """Memory of this process that a call needs at its highest beyond what was there before, in MB (Linux)."""
    gc.collect()
    before = _status_mb("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak
    call()
    return _status_mb("VmHWM") - before


def _status_mb(key: str) -> float:
    found = re.search(rf"^{key}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(found[1]) * 1024 / MB if found else float("nan")


@dataclass(frozen=True)
class Cost:
    """What a command took.

    Attributes
    ----------
    seconds : float
        By the clock, from the start of the process to its end.
    cpu_seconds : float
        Of all cores and all processes that it started.
    peak_mb : float
        Highest resident memory: of the process, or of it and all that it started together.
    """

    seconds: float
    cpu_seconds: float
    peak_mb: float


def cost_of(*command: str, together: bool = False) -> Cost:
    """Run Python with some arguments in a process of its own.

    Parameters
    ----------
    command : str
        What follows the name of the interpreter.
    together : bool
        Memory of the process and all that it starts, each page once: the highest of what is seen every 0.1 s.

    Raises
    ------
    RuntimeError
        If it fails.
    """
    allowed = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}  # containers have no other user
    start = time.perf_counter()
    process = os.posix_spawn(sys.executable, [sys.executable, *command], os.environ | allowed)
    over, peaks = threading.Event(), [0.0]
    watcher = threading.Thread(target=_watch, args=(process, over, peaks))
    if together:
        watcher.start()
    _, status, used = os.wait4(process, 0)
    seconds = time.perf_counter() - start
    if together:
        over.set()
        watcher.join()
    if (code := os.waitstatus_to_exitcode(status)) != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {code}")
    return Cost(seconds, used.ru_utime + used.ru_stime, max(peaks) if together else used.ru_maxrss * 1024 / MB)


def _watch(process: int, over: threading.Event, peaks: list[float]) -> None:
    while not over.wait(SAMPLING):
        total = 0
        for one in [psutil.Process(process), *psutil.Process(process).children(recursive=True)]:
            try:
                total += one.memory_full_info().pss
            except psutil.Error:  # it has ended meanwhile
                continue
        peaks.append(total / MB)


def write_results(
    name: str, title: str, rows: Sequence[Mapping[str, Any]], facts: Mapping[str, str], notes: Sequence[str] = ()
) -> None:
    """Write a table as ``results/<name>.md`` and ``results/<name>.csv``, and print it.

    Parameters
    ----------
    name : str
        Of the files.
    title : str
    rows : sequence of mapping
        All with the same keys, which are the columns; floats are written with three digits, None as nothing.
    facts : mapping
        As made by `machine`; in the CSV they are comments.
    notes : sequence of str
        Paragraphs under the table.
    """
    columns = list(rows[0])
    lines = [f"# {title}", "", "; ".join(f"{key} {value}" for key, value in facts.items()), ""]
    lines += ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(_text(row[column]) for column in columns) + " |" for row in rows]
    for note in notes:
        lines += ["", note]
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.md").write_text("\n".join(lines) + "\n")
    with open(RESULTS / f"{name}.csv", "w", newline="") as stream:
        stream.writelines(f"# {key}: {value}\n" for key, value in facts.items())
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_text(row[column]) for column in columns] for row in rows)
    print("\n".join(lines))


def read_rows(name: str) -> list[dict[str, str]]:
    """Rows of ``results/<name>.csv`` as `write_results` wrote them; none if it was never measured."""
    path = RESULTS / f"{name}.csv"
    if not path.is_file():
        return []
    return list(csv.DictReader(line for line in path.read_text().splitlines() if not line.startswith("#")))


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return str(value)
