"""Simulate a batch over MPI ranks, on one node or several: rank 0 hands out the cubes, the others make them.

A request is a plain mapping: ``catalogue`` (path), ``cube_ids``, ``observation`` (as
`cubefocus.observe.setup.Observation.list_from_mapping` takes it), and plain arguments of
`cubefocus.observe.batch.simulate_batch` by their names. `simulate` does it in this process, `launch` over ranks that
share a file system, with the same bytes; this module is their program.
"""

from __future__ import annotations

import json
import logging
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Mapping
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

from cubefocus.errors import CubefocusError
from cubefocus.io import atomic_path, read_table
from cubefocus.observe.batch import simulate_batch
from cubefocus.observe.setup import Observation
from cubefocus.sky.catalogue import cube_list, select

logger = logging.getLogger(__name__)


def simulate(request: Mapping[str, Any], executor: Executor | None = None) -> Path:
    """Make the cubes of a request in this process or, with an executor, where that runs them; return their folder.

    Raises
    ------
    CubefocusError
        If the catalogue lacks a cube, or as `cubefocus.observe.batch.simulate_batch` does.
    """
    options = dict(request)
    path, ids = options.pop("catalogue"), options.pop("cube_ids")
    catalogue, observations = read_table(path), Observation.list_from_mapping(options.pop("observation"))
    missing = sorted(set(ids) - {cube["cube_id"] for cube in cube_list(catalogue)})
    if missing:
        raise CubefocusError(f"{path}: has no cube {', '.join(map(str, missing[:6]))}; delete it and run again")
    return simulate_batch(select(catalogue, ids), observations, executor=executor, **options)


def launch(request: Mapping[str, Any], ranks: int, launcher: str = "mpiexec") -> Path:
    """Make the cubes of a request over MPI ranks, ``ranks - 1`` at a time; return their folder.

    Parameters
    ----------
    request : mapping
        Of values that JSON can hold.
    ranks : int
    launcher : str
        Starts programs under MPI and takes ``-n``: mpiexec, ``srun --mpi=pmix``. One beside the Python interpreter
        comes before those of ``PATH``. What it and the ranks say goes to the log.

    Raises
    ------
    CubefocusError
        If there is no such launcher, if it fails, or with the message of `simulate`.
    """
    out_dir = Path(request["out_dir"])
    name, *options = shlex.split(launcher)
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    program = shutil.which(name, path=places)
    if program is None:
        raise CubefocusError(f"the launcher '{name}' is not there; pip install 'cubefocus[mpi]', or name another one")
    out_dir.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out_dir.name}.", dir=out_dir.parent) as folder:  # all nodes see it
        job, error = Path(folder) / "job.json", Path(folder) / "error.json"
        job.write_text(json.dumps({"request": request, "ranks": ranks, "parent": [platform.node(), os.getpid()]}))
        module = [sys.executable, "-m", "cubefocus.observe.ranks", str(job)]
        status = _follow([program, *options, "-n", str(ranks), *module])
        if error.is_file():
            raise CubefocusError(json.loads(error.read_text())["message"])
    if status != 0 or not out_dir.is_dir():
        hint = " (killed, perhaps out of memory: use fewer ranks a node)" if status == 137 else ""
        raise CubefocusError(
            f"{out_dir}: '{launcher} -n {ranks}' ended with status {status}{hint}; the log has what it said, and the "
            "next run makes the cubes that are missing"
        )
    return out_dir


def _follow(command: list[str]) -> int:
    """Run a command, its output line by line into the log; return its status, as a shell counts signals."""
    options: dict[str, Any] = {"text": True, "errors": "replace", "stdin": subprocess.DEVNULL}
    # in a session of its own Ctrl-C does not reach it twice, upon which mpiexec would leave ranks behind
    options |= {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "start_new_session": True}
    with subprocess.Popen(command, **options) as process:
        try:
            for line in process.stdout or ():
                logger.info("%s", line.rstrip())
            status = process.wait()
        finally:
            process.terminate()
    return status if status >= 0 else 128 - status


def main() -> int:
    """Be one of the ranks: 0 when all went well, 1 after an error that ``error.json`` beside the job names."""
    from mpi4py import MPI
    from mpi4py.futures import MPICommExecutor

    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("cubefocus").setLevel(logging.INFO)
    logging.captureWarnings(True)
    path, world = Path(sys.argv[1]), MPI.COMM_WORLD
    try:
        job = json.loads(path.read_text())
        if world.size != job["ranks"]:  # otherwise each of them would make all cubes
            raise CubefocusError(
                f"the launcher made {world.size} of {job['ranks']} MPI ranks: it is not that of the library which "
                f"mpi4py loads, {MPI.Get_library_version().split(',')[0]}, or with Slurm needs --mpi=pmix"
            )
        if world.rank == 0 and job["parent"][0] == platform.node():
            threading.Thread(target=_leave_with, args=(job["parent"][1], world), daemon=True).start()
        if job["request"].get("engine") == "fft":
            _share_cores(world.Split_type(MPI.COMM_TYPE_SHARED))
        with MPICommExecutor(world) as executor:
            if executor is not None:  # rank 0; the others come here when there is no cube left
                simulate(job["request"], executor)  # type: ignore[arg-type]
    except CubefocusError as error:
        with atomic_path(path.with_name("error.json")) as temporary:
            temporary.write_text(json.dumps({"message": str(error)}))
        return 1
    except BaseException:
        traceback.print_exc()
        world.Abort(1)  # the other ranks would wait for this one
    return 0


def _share_cores(node: Any) -> None:
    """Give the ranks of a node equal parts of its cores, as threads of torch."""
    import torch

    mine = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    cores = set[int]().union(*node.allgather(mine))
    torch.set_num_threads(max(1, len(cores) // node.size))


def _leave_with(parent: int, world: Any) -> None:
    """End all ranks when the process that asked for the cubes is gone: nobody waits for them."""
    while True:
        time.sleep(1.0)
        try:
            os.kill(parent, 0)
        except ProcessLookupError:
            world.Abort(1)


if __name__ == "__main__":
    sys.exit(main())
