"""Simulate a batch of cubes: several at a time, each whole or not at all, and only those that are missing."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from astropy.table import Table, vstack

from cubefocus.alma.cube_task import CubeTask, instrument, simulate_cube
from cubefocus.alma.folder import close_partial, is_made, open_partial
from cubefocus.alma.training_products import join_products, write_products
from cubefocus.engines.casa import CasaError
from cubefocus.engines.measure import get_response
from cubefocus.errors import CubefocusError
from cubefocus.files import atomic_path, read_table, write_table
from cubefocus.instrument.observation import Observation, draw_observation
from cubefocus.instrument.response import response_folder
from cubefocus.provenance import code_version, digest, provenance
from cubefocus.sky.catalogue import cube_list, select

logger = logging.getLogger(__name__)

ENGINES = ("casa", "fft")
NAMED_FAILURES = 10  # an error message stays on one screen


def simulate_batch(
    rows: Table,
    observation: Observation | Sequence[Observation],
    noise: Mapping[str, Any],
    box: Mapping[str, Any],
    out_dir: str | Path,
    *,
    workers: int = 1,
    facts: Mapping[str, Any] | None = None,
    scratch: str | Path | None = None,
    executor: Executor | None = None,
    engine: str = "casa",
    responses: str | Path | None = None,
    device: str = "cpu",
    cut: Mapping[str, Any] | None = None,
    compress: bool = False,
    code: str | None = None,
    copies: Mapping[str, str | Path] | None = None,
) -> Path:
    """Simulate the cubes of a part of the catalogue.

    The work is done in ``<out_dir>.partial``, which becomes ``out_dir`` when all cubes are there. Called again
    after a failure it makes the missing cubes only, unless the recipe (catalogue, settings, code) is another one.

    Parameters
    ----------
    rows : Table
        Rows of the catalogue as `cubefocus.sky.catalogue.select` gives them; empty fields in ``meta["cubes"]``.
    observation : Observation, or a sequence of them
        Of several, each cube draws its own by its noise seed; they must agree on the size of the cubes.
    noise : mapping
        Section ``noise`` of a config file: ``thermal`` (bool); ``snr`` absent or null adds no white noise,
        otherwise the targets are those of the catalogue.
    box : mapping
        ``box_level`` and ``box_reference``, as `cubefocus.sky.truth.measure_truth` takes them.
    out_dir : path
        Receives ``<cube_id>.dirty.fits``, ``<cube_id>.sky.fits``, ``truth.ecsv``, ``recipe.json`` and, with ``cut``,
        ``products.h5``.
    workers : int
        Cubes made at a time, one CASA process each. With the engine fft they share the threads of torch.
    facts : mapping, optional
        Plain values for the provenance, such as the seed of the experiment.
    scratch : path, optional
        Where CASA's scratch directories are made.
    executor : concurrent.futures.Executor, optional
        Takes the cubes instead of ``workers`` threads; its processes must see the same file system.
    engine : {"casa", "fft"}
        What simulates: CASA itself (`cubefocus.engines.casa`), or the response that CASA measured once for each
        set-up (`cubefocus.engines.fft`).
    responses : path, optional
        Cache of responses, for the engine fft; what is missing there is measured first.
    device : str
        Where the engine fft computes, such as ``cpu`` or ``cuda``.
    cut : mapping, optional
        ``size`` and ``dilation``, as `cubefocus.alma.training_products.true_products` takes them: cut the
        training products out
        while a cube is in memory.
    compress : bool
        Write dirty cubes compressed and no sky cubes; `cubefocus.sky.model.sky_cube` makes these again from the truth
        table.
    code : str, optional
        Digest of the code behind the cubes, a part of the recipe; without it, that of the whole package.
    copies : mapping from name to path, optional
        Files of the batch (``truth.ecsv``, ``products.h5``) that are wanted elsewhere too. They are written before the
        batch gets its name: where that fails, the cubes are kept for the next call.

    Returns
    -------
    Path
        ``out_dir``.

    Raises
    ------
    CubefocusError
        If a setting is unusable or ``out_dir`` holds something made by another recipe.
    CasaError
        If cubes failed: each is named with what happened and its log. The others are kept for the next call.
    """
    out_dir = Path(out_dir)
    if workers < 1:
        raise CubefocusError(f"workers is {workers}; it must be 1 or more")
    observations = _alternatives(observation)
    if engine not in ENGINES or (engine == "fft" and responses is None):
        raise CubefocusError(f"the engine is '{engine}'; it must be casa, or fft with a cache of responses")
    settings = {
        "thermal": bool(noise.get("thermal", True)),
        "white": noise.get("snr") is not None,
        "box": dict(box),
        "cut": cut and dict(cut),
        "compress": compress,
    }
    recipe = _recipe(rows, observations, engine, settings, code or code_version())
    if is_made(out_dir, recipe):
        return _copied(out_dir, copies)
    with open_partial(out_dir, recipe) as partial:
        if partial is None:
            return _copied(out_dir, copies)
        told = {**(facts or {}), "recipe": recipe}
        place = None if scratch is None else Path(scratch)
        tasks = _tasks(rows, observations, partial, {**settings, "facts": told, "scratch": place})
        if engine == "fft":
            tasks = _with_responses(tasks, Path(str(responses)), device)
        missing = [task for task in tasks if not task.path("truth.ecsv").is_file()]
        if len(missing) < len(tasks):
            logger.info("%s: %d of %d cubes are there already", out_dir, len(tasks) - len(missing), len(tasks))
        if executor is not None:
            _run_all(missing, executor, out_dir)
        else:
            with _shared_threads(engine, workers), ThreadPoolExecutor(workers) as threads:
                _run_all(missing, threads, out_dir)
        _join(tasks, partial)
        _copied(partial, copies)
        for task in tasks:
            task.path("truth.ecsv").unlink()
            task.path("products.h5").unlink(missing_ok=True)
        close_partial(partial, out_dir)
    return out_dir


@contextmanager
def _shared_threads(engine: str, workers: int) -> Iterator[None]:
    """Leave each worker its part of torch's threads: more threads than cores wait for each other."""
    if engine == "casa":
        yield
        return
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(max(1, before // workers))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _alternatives(observation: Observation | Sequence[Observation]) -> list[Observation]:
    observations = [observation] if isinstance(observation, Observation) else list(observation)
    if len({one.cube_shape for one in observations}) != 1:
        shapes = ", ".join(str(one.cube_shape) for one in observations) or "none"
        raise CubefocusError(f"observing set-ups with cubes of {shapes}; give one or more of the same size")
    return observations


def _with_responses(tasks: list[CubeTask], cache: Path, device: str) -> list[CubeTask]:
    """Measure the responses that are missing, and tell each cube which is its own."""
    for observation in dict.fromkeys(task.observation for task in tasks):
        get_response(observation, cache, scratch=tasks[0].scratch)
    tasks = [
        replace(task, engine="fft", response=response_folder(cache, task.observation), device=device) for task in tasks
    ]
    return sorted(tasks, key=lambda task: str(task.response))  # so that each response is opened once


def _recipe(
    rows: Table, observations: Sequence[Observation], engine: str, settings: Mapping[str, Any], code: str
) -> str:
    """Digest of all that decides the cubes of a batch."""
    return digest(
        {
            "code": code,
            "engine": engine,
            "observations": [asdict(observation) for observation in observations],
            "sources": {name: rows[name].tolist() for name in rows.colnames},
            "cubes": cube_list(rows),
            **settings,
        }
    )


def _tasks(rows: Table, observations: Sequence[Observation], folder: Path, shared: Mapping[str, Any]) -> list[CubeTask]:
    """One task a cube; ``shared`` is what all of them have in common."""
    return [
        CubeTask(
            rows=select(rows, [cube["cube_id"]]),
            cube=cube,
            observation=draw_observation(observations, cube["noise_seed"]),
            folder=folder,
            **shared,
        )
        for cube in cube_list(rows)
    ]


def _run_all(tasks: Sequence[CubeTask], executor: Executor, out_dir: Path) -> None:
    """Run all tasks, whatever becomes of any of them; then raise if some failed."""
    started, failures = time.monotonic(), dict[int, Exception]()
    futures: dict[Future[dict[str, Any]], int] = {
        executor.submit(simulate_cube, task): task.cube["cube_id"] for task in tasks
    }
    try:
        for count, future in enumerate(as_completed(futures), start=1):
            cube_id, error = futures[future], future.exception()
            pace = (time.monotonic() - started) / count
            if error is None:
                logger.info("cube %d made: %d of %d, %.1f s a cube", cube_id, count, len(tasks), pace)
            elif isinstance(error, Exception):
                failures[cube_id] = error
                logger.error("cube %d failed: %d of %d", cube_id, count, len(tasks))
            else:
                raise error
    except BaseException:
        executor.shutdown(wait=False, cancel_futures=True)
        raise
    if failures:
        raise _failure(failures, len(tasks), out_dir) from next(iter(failures.values()))


def _failure(failures: Mapping[int, Exception], n_tasks: int, out_dir: Path) -> CasaError:
    lines = []
    for cube_id, error in sorted(failures.items())[:NAMED_FAILURES]:
        text = str(error) if isinstance(error, CubefocusError) else f"{type(error).__name__}: {error}"
        lines.append(text if text.startswith(f"cube {cube_id}:") else f"cube {cube_id}: {text}")
    if len(failures) > NAMED_FAILURES:
        rest = sorted(failures)[NAMED_FAILURES:]
        lines.append(f"and cubes {', '.join(map(str, rest[:50]))}{' ...' if len(rest) > 50 else ''}")
    return CasaError(
        f"{out_dir}: {len(failures)} of {n_tasks} cubes failed; the others are kept, and the next run makes what is "
        "missing\n  " + "\n  ".join(lines)
    )


def _join(tasks: Sequence[CubeTask], partial: Path) -> None:
    """Join the truth tables and the products of all cubes of a batch."""
    tasks = sorted(tasks, key=lambda task: task.cube["cube_id"])
    tables = [read_table(task.path("truth.ecsv")) for task in tasks]
    cubes = [cube for table in tables for cube in table.meta["cubes"]]
    filled = [table for table in tables if len(table)] or tables[:1]
    for table in filled:
        table.meta.clear()
    truth = vstack(filled, join_type="outer")
    truth.meta["cubes"] = cubes
    facts = provenance(**instrument(tasks), **tasks[0].facts)
    if tasks[0].cut is not None:
        write_products(partial / "products.h5", join_products(task.path("products.h5") for task in tasks), facts)
    write_table(partial / "truth.ecsv", truth, facts)


def _copied(folder: Path, copies: Mapping[str, str | Path] | None) -> Path:
    """Copy files of a folder to where they are wanted; return the folder."""
    for name, path in (copies or {}).items():
        with atomic_path(path) as temporary:
            shutil.copyfile(folder / name, temporary)
    return folder
