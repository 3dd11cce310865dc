"""What a piece of work costs, stage by stage: seconds, processor time and memory, and the machine that did it.

No two runs cost the same. So the records stand in files of their own, and never in a product that the same seeds must
make again byte for byte.
"""

from __future__ import annotations

import json
import math
import os
import resource
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cubefocus.errors import CubefocusError
from cubefocus.files import atomic_path, refuse_missing
from cubefocus.provenance import hardware

SELF = Path("/proc/self")
MB = 1e6  # bytes
KB = 1024 if sys.platform != "darwin" else 1  # bytes in the unit of ru_maxrss
ENDED = (FileNotFoundError, ProcessLookupError)  # what a look at a process gives that has ended meanwhile


@dataclass(frozen=True)
class Cost:
    """What one stage cost.

    Attributes
    ----------
    cubes : int
        How many went through it.
    wall_s : float
        Seconds that passed; where several processes shared the work, the sum of theirs.
    cpu_s : float
        Seconds of the processor, of all threads and of the processes that were started.
    peak_mb : float
        Largest resident memory of a single process, 10^6 bytes.
    note : str
        What else a reader must know.
    """

    cubes: int
    wall_s: float
    cpu_s: float
    peak_mb: float
    note: str = ""

    def __post_init__(self) -> None:
        for name in ("cubes", "wall_s", "cpu_s", "peak_mb"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
                raise ValueError(f"{name} is {value!r}")

    def __add__(self, other: Cost) -> Cost:
        """Both together."""
        peak = max(self.peak_mb, other.peak_mb)
        passed, used = self.wall_s + other.wall_s, self.cpu_s + other.cpu_s
        return Cost(self.cubes + other.cubes, passed, used, peak, self.note or other.note)


@dataclass
class Clock:
    """Costs by stage, in the order in which the stages began.

    Attributes
    ----------
    stages : dict of name to Cost
    machines : list of str
        Processor, number of cores and, where torch computed on one, GPU.
    note : str
        Why there are no stages, if there are none.
    """

    stages: dict[str, Cost] = field(default_factory=dict)
    machines: list[str] = field(default_factory=list)
    note: str = ""

    @contextmanager
    def stage(self, name: str, cubes: int, note: str = "") -> Iterator[None]:
        """Measure what is done inside and add it to a stage, unless it raises.

        Stages must not be within each other: each forgets the peak memory of what was before it. Where the system is
        not Linux, that is not possible, processes that have not ended cost nothing, and the peak memory is that of the
        process so far.

        Parameters
        ----------
        name : str
        cubes : int
            How many go through it.
        note : str
        """
        _wait_for_gpus()
        _forget_peaks()
        wall, (cpu, ended) = time.perf_counter(), _processor_seconds()
        yield
        gpus = _wait_for_gpus()
        passed, (cpu_now, ended_now) = time.perf_counter() - wall, _processor_seconds()
        # not below zero: a process that nobody waits for takes its seconds with it
        cost = Cost(cubes, passed, max(cpu_now - cpu, 0.0), _peak_mb(with_ended=ended_now > ended), note)
        self._add(name, cost)
        self._add_machine(", ".join(map(_spelled, hardware(f"cuda:{gpus[0]}" if gpus else "cpu").items())))

    def add(self, other: Clock) -> None:
        """Add the stages of another one, of another process or batch perhaps."""
        for name, cost in other.stages.items():
            self._add(name, cost)
        for machine in other.machines:
            self._add_machine(machine)
        self.note = self.note or other.note

    def _add(self, name: str, cost: Cost) -> None:
        self.stages[name] = self.stages[name] + cost if name in self.stages else cost

    def _add_machine(self, machine: str) -> None:
        """Note a machine; the one without a GPU is the same as the one whose GPU was used later."""
        if not any(known.startswith(machine) for known in self.machines):
            self.machines = [*(known for known in self.machines if not machine.startswith(known)), machine]

    @classmethod
    def joined(cls, clocks: Iterable[Clock]) -> Clock:
        """All together."""
        whole = cls()
        for clock in clocks:
            whole.add(clock)
        return whole

    def write(self, path: str | Path) -> None:
        """Write it as JSON."""
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def read(cls, path: str | Path) -> Clock:
        """Read what `write` wrote.

        Raises
        ------
        CubefocusError
            If the file is absent, truncated or damaged.
        """
        path = Path(path)
        refuse_missing(path)
        try:
            content = json.loads(path.read_text())
            stages = {name: Cost(**cost) for name, cost in content["stages"].items()}
            return cls(stages, [str(machine) for machine in content["machines"]], str(content["note"]))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise CubefocusError(f"{path}: truncated or damaged times ({error}); remove it and run again") from error


def _spelled(fact: tuple[str, Any]) -> str:
    name, value = fact
    return f"{value} cores" if name == "cores" else str(value)


def _wait_for_gpus() -> list[int]:
    """Let the GPUs finish what this process gave them; return those that hold something of it."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return []
    gpus = [gpu for gpu in range(torch.cuda.device_count()) if torch.cuda.memory_reserved(gpu)]
    for gpu in gpus:
        torch.cuda.synchronize(gpu)
    return gpus


def _running() -> Iterator[Path]:
    """Folders in /proc of the processes that this one has started, directly or not, and that have not ended."""
    parents = [SELF]
    while parents:
        for children in parents.pop().glob("task/*/children"):
            with suppress(*ENDED):
                found = [Path("/proc") / child for child in children.read_text().split()]
                parents += found
                yield from found


def _processor_seconds() -> tuple[float, float]:
    """Seconds of the processor so far, of this process and all that it started; and of those that have ended."""
    own, ended = (sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    ticks = 0
    for process in _running():
        with suppress(*ENDED):
            # of the process and of those that it waited for; its name, in brackets before them, may hold blanks
            ticks += sum(map(int, (process / "stat").read_text().rpartition(")")[2].split()[11:15]))
    return own + ended + ticks / os.sysconf("SC_CLK_TCK"), ended


def _forget_peaks() -> None:
    """Let the peaks of memory start anew, of this process and of those that it started."""
    for process in (SELF, *_running()):
        with suppress(*ENDED):
            if os.access(process / "clear_refs", os.W_OK):
                (process / "clear_refs").write_text("5")


def _peak_mb(with_ended: bool) -> float:
    """Largest memory of this process, of those that it started and, if wanted, of those of them that have ended."""
    peaks = [resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * KB] if with_ended else []
    if not SELF.exists():
        return max([resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KB, *peaks]) / MB
    for process in (SELF, *_running()):
        with suppress(*ENDED):
            lines = (process / "status").read_text().splitlines()
            # not ru_maxrss, which counts what the process was before it became a Python
            peaks += [int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")]
    return max(peaks) / MB
