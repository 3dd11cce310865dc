"""Do the work of a job in several processes: ranks of MPI, on one node or several, or those of torchrun.

The work is a function of a job, a dataclass whose fields JSON can hold; with MPI also of an executor, which hands its
parts to the other ranks. `launch` and `launch_torchrun` start the processes and wait for them; this module is also
their program. What they say goes to the log, their errors come back as one.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cubefocus.errors import CubefocusError
from cubefocus.files import atomic_path

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

logger = logging.getLogger(__name__)

# how Open MPI and Slurm name the rank that a signal ended; it is the first that they name
DEAD = re.compile(r"(?:process rank|task) (\d+)\b.*(?:signal \d|Killed|Out Of Memory)")
AS_ROOT = re.compile(r"attempt to run as root")  # Open MPI's refusal, as in containers
_note: Path | None = None  # where this process says what it works on; it is one of several


def launch(work: Callable[..., Any], job: DataclassInstance, ranks: int, launcher: str, place: str | Path) -> None:
    """Do ``work(job, executor)`` over MPI: rank 0 hands out the parts, the others do them.

    Parameters
    ----------
    work : callable
        A function of a module of this package.
    job : dataclass
        Of a module of this package, its fields values that JSON can hold.
    ranks : int
        Two or more.
    launcher : str
        Starts programs under MPI and takes ``-n``: mpiexec, ``srun --mpi=pmix --kill-on-bad-exit``. One beside the
        Python interpreter comes before those of ``PATH``.
    place : path
        What is made, for messages; files that the processes exchange stand beside it, where all nodes see them.

    Raises
    ------
    CubefocusError
        If there is no such launcher, with the message of the work, or if a rank dies: then with what it worked on.
    """
    name, *options = shlex.split(launcher)
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    program = shutil.which(name, path=places)
    if program is None:
        raise CubefocusError(f"the launcher '{name}' is not there; pip install 'cubefocus[mpi]', or name another one")
    command = [program, *options, "-n", str(ranks), sys.executable]
    _start(command, job, ranks, work, Path(place), f"{launcher} -n {ranks}")


def launch_torchrun(work: Callable[..., Any], job: DataclassInstance, processes: int, place: str | Path) -> None:
    """Do ``work(job)`` in each of some processes of this node, one a GPU, which torchrun joins.

    Parameters and errors are those of `launch`.
    """
    options = ["--standalone", "--nproc-per-node", str(processes)]
    command = [sys.executable, "-m", "torch.distributed.run", *options]
    _start(command, job, None, work, Path(place), f"torchrun with {processes} processes")


def _start(
    command: list[str], job: DataclassInstance, ranks: int | None, work: Callable[..., Any], place: Path, shown: str
) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    names = {name: [each.__module__, each.__qualname__] for name, each in (("work", work), ("kind", type(job)))}
    told = {**names, "fields": asdict(job), "ranks": ranks, "parent": [platform.node(), os.getpid()]}
    with tempfile.TemporaryDirectory(prefix=f".{place.name}.", dir=place.parent) as name:
        folder = Path(name)
        (folder / "job.json").write_text(json.dumps(told))
        status, dead, refused = _follow([*command, "-m", "cubefocus.ranks", str(folder / "job.json")])
        if (folder / "error.json").is_file():
            raise CubefocusError(json.loads((folder / "error.json").read_text())["message"])
        if status == 0 and (folder / "done").is_file():
            return
        at_work = {int(path.stem): path.read_text() for path in sorted(folder.glob("*.at-work"))}
    if refused:
        raise CubefocusError(
            f"{place}: '{shown}' does not run as root; be another user, or, in a container, set "
            "OMPI_ALLOW_RUN_AS_ROOT=1 and OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 in the environment"
        )
    chosen = {dead: at_work[dead]} if dead in at_work else at_work
    hint = " (killed, perhaps out of memory: use fewer ranks a node)" if dead is not None or status == 137 else ""
    named = "".join(f"; rank {rank} was at work on {what}" for rank, what in chosen.items())
    raise CubefocusError(
        f"{place}: '{shown}' ended with status {status}{hint}{named}; the log has what it said, and the next run makes "
        "what is missing"
    )


def _follow(command: list[str]) -> tuple[int, int | None, bool]:
    """Run a command, its output line by line into the log.

    Returns
    -------
    int
        Its status, as a shell counts.
    int or None
        The dead rank.
    bool
        Whether the launcher does not run as root.
    """
    dead, refused = None, False

    def heard(line: str) -> None:
        nonlocal dead, refused
        logger.info("%s", line)
        if dead is None and (found := DEAD.search(line)):
            dead = int(found[1])
        refused = refused or AS_ROOT.search(line) is not None

    # in a session of its own Ctrl-C does not reach it twice, upon which mpiexec would leave ranks behind
    status = follow(command, heard, start_new_session=True)
    return (status if status >= 0 else 128 - status), dead, refused


def follow(command: list[str], heard: Callable[[str], None], start_new_session: bool = False) -> int:
    """Run a command to its end and give each line of its output to a function; end it if this process is told to stop.

    Returns
    -------
    int
        Its status; that of a signal is negative.
    """
    options: dict[str, Any] = {"text": True, "errors": "replace", "stdin": subprocess.DEVNULL}
    options |= {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "start_new_session": start_new_session}
    with subprocess.Popen(command, **options) as process:
        try:
            for line in process.stdout or ():
                heard(line.rstrip())
            return process.wait()
        finally:
            process.terminate()


@contextmanager
def at_work(what: str) -> Iterator[None]:
    """Leave word of what this process works on, for the message if it dies. Where it is the only one, do nothing."""
    if _note is None:
        yield
        return
    _note.write_text(what)
    try:
        yield
    finally:
        _note.unlink()


def main() -> int:
    """Be one of the processes: 0 when all went well, 1 after an error that ``error.json`` beside the job names."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("cubefocus").setLevel(logging.INFO)
    logging.captureWarnings(True)
    path = Path(sys.argv[1])
    told = json.loads(path.read_text())
    abort: Callable[[], None] = lambda: os._exit(1)  # noqa: E731
    try:
        if told["ranks"] is None:
            _leave_with_parent(told, abort)
            _named(told["work"])(_job_of(told))
            first = os.environ["RANK"] == "0"
        else:
            from mpi4py import MPI

            abort = lambda: MPI.COMM_WORLD.Abort(1)  # noqa: E731
            first = _be_a_rank(told, path, MPI, abort)
    except CubefocusError as error:
        with atomic_path(path.with_name("error.json")) as temporary:
            temporary.write_text(json.dumps({"message": str(error)}))
        return 1
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        abort()  # the other processes would wait for this one
    if first:
        path.with_name("done").touch()
    return 0


def _be_a_rank(told: Mapping[str, Any], path: Path, mpi: Any, abort: Callable[[], None]) -> bool:
    """Rank 0 does the work with an executor, the others do what it hands out; return whether this was rank 0."""
    from mpi4py.futures import MPICommExecutor

    global _note
    world = mpi.COMM_WORLD
    if world.size != told["ranks"]:  # otherwise each of them would do all the work
        raise CubefocusError(
            f"the launcher made {world.size} of {told['ranks']} MPI ranks: it is not that of the library which "
            f"mpi4py loads, {mpi.Get_library_version().split(',')[0]}, or with Slurm needs --mpi=pmix"
        )
    if world.rank == 0:
        _leave_with_parent(told, abort)
    _note = path.with_name(f"{world.rank}.at-work")
    node = world.Split_type(mpi.COMM_TYPE_SHARED)
    _share_node(node)
    n_nodes = world.allreduce(node.rank == 0)
    if world.rank == 0:
        logger.info("%d MPI ranks on %d node%s", world.size, n_nodes, "s" if n_nodes > 1 else "")
    work = _named(told["work"])
    with MPICommExecutor(world) as executor:
        if executor is not None:  # the others come here when there is nothing left to do
            work(_job_of(told), executor)
    return world.rank == 0


def _named(place: list[str]) -> Any:
    module, name = place
    return getattr(importlib.import_module(module), name)


def _job_of(told: Mapping[str, Any]) -> Any:
    return _named(told["kind"])(**told["fields"])


def _share_node(node: Any) -> None:
    """Give the ranks of a node equal parts of its cores, and its GPUs in turn; before torch is imported."""
    mine = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    cores = set[int]().union(*node.allgather(mine))
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, len(cores) // node.size)))
    os.environ.setdefault("LOCAL_RANK", str(node.rank))


def _leave_with_parent(told: Mapping[str, Any], abort: Callable[[], None]) -> None:
    """End all processes when the one that asked for the work is gone: nobody waits for them."""
    host, parent = told["parent"]
    if host == platform.node():
        leave_with(parent, abort)


def leave_with(parent: int, abort: Callable[[], None] = lambda: os._exit(1)) -> None:
    """From now on look every second for a process of this machine, and end this one when it is gone."""
    threading.Thread(target=_watch, args=(parent, abort), daemon=True).start()


def _watch(parent: int, abort: Callable[[], None]) -> None:
    while True:
        time.sleep(1.0)
        try:
            os.kill(parent, 0)
        except ProcessLookupError:
            abort()


if __name__ == "__main__":
    from cubefocus import ranks  # the module that the work imports too, not a second one by the name of __main__

    sys.exit(ranks.main())
