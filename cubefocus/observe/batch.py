"""Simulate a batch of cubes: several at a time, each whole or not at all, and only those that are missing."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table, vstack

from cubefocus import __version__
from cubefocus.data.products import join_products, true_products, write_products
from cubefocus.errors import CubefocusError
from cubefocus.io import Cube, read_table, write_cube, write_table
from cubefocus.observe.casa import CasaError, observe
from cubefocus.observe.folder import close_partial, is_made, open_partial
from cubefocus.observe.noise import add_white, central_peak, image_snr, nominal_peak, thermal_rms, white_rms
from cubefocus.observe.response import get_response, open_response, response_folder
from cubefocus.observe.setup import Observation, draw_observation
from cubefocus.provenance import digest, provenance
from cubefocus.ranks import at_work
from cubefocus.sky.catalogue import cube_list, select
from cubefocus.sky.model import sky_cube
from cubefocus.sky.truth import measure_truth

logger = logging.getLogger(__name__)

ENGINES = ("casa", "fft")
NAMED_FAILURES = 10  # an error message stays on one screen


@dataclass(frozen=True)
class CubeTask:
    """All that one cube needs; plain enough to be sent to another process.

    Attributes
    ----------
    rows : Table
        The cube's rows of the catalogue; none for an empty field.
    cube : dict
        cube_id, split, snr_target, noise_seed.
    thermal, white : bool
        Which noise there is.
    box : dict
        box_level and box_reference of the truth table.
    folder : Path
        Where the cube's files go.
    scratch : Path, optional
        Where CASA's scratch directory is made.
    cut : dict, optional
        ``size`` and ``dilation`` of the training products; None for none.
    compress : bool
        Keep the dirty cube only, compressed.
    facts : dict
        For the provenance.
    engine : {"casa", "fft"}
    response : Path, optional
        Folder of the measured response, for the engine fft.
    device : str
        Where the engine fft computes.
    """

    rows: Table
    cube: dict[str, Any]
    observation: Observation
    thermal: bool
    white: bool
    box: dict[str, Any]
    cut: dict[str, Any] | None
    compress: bool
    folder: Path
    scratch: Path | None
    facts: dict[str, Any]
    engine: str = "casa"
    response: Path | None = None
    device: str = "cpu"

    def path(self, kind: str) -> Path:
        """File of this cube, such as ``000012.dirty.fits``."""
        return self.folder / f"{self.cube['cube_id']:06d}.{kind}"


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
) -> Path:
    """Simulate the cubes of a part of the catalogue.

    The work is done in ``<out_dir>.partial``, which becomes ``out_dir`` when all cubes are there. Called again
    after a failure it makes the missing cubes only, unless the recipe (catalogue, settings) is another one.

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
        What simulates: CASA itself (`cubefocus.observe.casa`), or the response that CASA measured once for each
        set-up (`cubefocus.observe.fft`).
    responses : path, optional
        Cache of responses, for the engine fft; what is missing there is measured first.
    device : str
        Where the engine fft computes, such as ``cpu`` or ``cuda``.
    cut : mapping, optional
        ``size`` and ``dilation``, as `cubefocus.data.products.true_products` takes them: cut the training products out
        while a cube is in memory.
    compress : bool
        Write dirty cubes compressed and no sky cubes; `cubefocus.sky.model.sky_cube` makes these again from the truth
        table.

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
    recipe = _recipe(rows, observations, noise, box, engine, {"cut": cut and dict(cut), "compress": compress})
    if is_made(out_dir, recipe):
        return out_dir
    kept = {"cut": cut and dict(cut), "compress": compress, "facts": {**(facts or {}), "recipe": recipe}}
    with open_partial(out_dir, recipe) as partial:
        if partial is None:
            return out_dir
        tasks = _tasks(rows, observations, noise, box, partial, scratch, kept)
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
        return _finish(tasks, partial, out_dir)


def simulate_cube(task: CubeTask) -> dict[str, Any]:
    """Make one cube: sky, observation, noise, truth. Its truth table is written last and says that it is whole.

    Returns
    -------
    dict
        The cube's entry (cube_id, split, snr_target, noise_seed) with thermal_rms and white_rms (Jy/beam per
        voxel) and snr_image, the SNR of the central source that was reached (None without central source).
    """
    with at_work(f"cube {task.cube['cube_id']}"):
        return _simulate_cube(task)


def _simulate_cube(task: CubeTask) -> dict[str, Any]:
    sky = sky_cube(task.rows, task.observation)
    dirty = _observe(task, sky)
    made = {**task.cube, **_noise_levels(task, dirty)}
    facts = provenance(**_instrument([task]), observation=asdict(task.observation), **task.facts, **made)
    if made["white_rms"] > 0:
        # not the stream that CASA starts from this seed, and not that of another cube
        rng = np.random.default_rng(np.random.SeedSequence([made["noise_seed"], 1]))
        dirty = Cube(add_white(dirty.data, made["white_rms"], rng), dirty.header)
    levels = {name: made[name] for name in ("thermal_rms", "white_rms")}
    truth = measure_truth(task.rows, sky, dirty, task.observation, **task.box, **levels)
    truth.meta["cubes"] = [made]
    if task.cut is not None:
        products = true_products(dirty.data, sky, truth, **task.cut) | {"images/cube_id": np.array([made["cube_id"]])}
        write_products(task.path("products.h5"), products, facts)
    if not task.compress:
        write_cube(task.path("sky.fits"), sky, task.observation.header(), facts)
    seed = made["noise_seed"] if task.compress else None
    write_cube(task.path("dirty.fits"), dirty.data, dirty.header, facts, compress_seed=seed)
    write_table(task.path("truth.ecsv"), truth, facts)
    return made


def _instrument(tasks: Sequence[CubeTask]) -> dict[str, Any]:
    """What observed the cubes, for the provenance: engine, device, and the hashes of the responses."""
    hashes = sorted({task.response.name for task in tasks if task.response is not None})
    used = {"device": tasks[0].device, "responses": hashes} if hashes else {}
    return {"engine": tasks[0].engine, **used}


def _observe(task: CubeTask, sky: np.ndarray) -> Cube:
    """Observe a sky; the log is kept if CASA fails only."""
    if task.response is not None:
        return _observe_fft(task, sky)
    log, name = task.path("casa.log"), f"cube {task.cube['cube_id']}"
    log.unlink(missing_ok=True)
    noise = "thermal" if task.thermal else "none"
    dirty = observe(sky, task.observation, noise, task.cube["noise_seed"], log, task.scratch, name=name)
    log.unlink(missing_ok=True)
    return dirty


def _observe_fft(task: CubeTask, sky: np.ndarray) -> Cube:
    from cubefocus.observe import fft  # torch takes seconds to import, and CASA's cubes do without

    response = open_response(str(task.response), task.observation)
    operator = fft.operator_of(response, task.device)
    return fft.apply(operator, sky, response, "thermal" if task.thermal else "none", task.cube["noise_seed"])


def _noise_levels(task: CubeTask, dirty: Cube) -> dict[str, Any]:
    """Thermal rms as measured, white rms for the target, and the SNR that comes of it."""
    n_channels = len(dirty.data)
    thermal = thermal_rms(dirty.data) if task.thermal else 0.0
    central = task.rows[np.asarray(task.rows["is_central"], dtype=bool)]
    if len(central):
        peak = central_peak(dirty.data, central["x"][0], central["y"][0])
    else:
        peak = nominal_peak(task.observation, dirty)
    white = white_rms(peak, task.cube["snr_target"], thermal, n_channels) if task.white else 0.0
    snr = image_snr(peak, thermal, white, n_channels)
    return {
        "thermal_rms": thermal,
        "white_rms": white,
        "snr_image": snr if len(central) and math.isfinite(snr) else None,
    }


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
    rows: Table,
    observations: Sequence[Observation],
    noise: Mapping[str, Any],
    box: Mapping[str, Any],
    engine: str,
    kept: Mapping[str, Any],
) -> str:
    """Digest of all that decides the cubes of a batch."""
    settings = {"thermal": bool(noise.get("thermal", True)), "white": noise.get("snr") is not None, "box": dict(box)}
    return digest(
        {
            "code": f"cubefocus {__version__}",  # not its sources: an edit elsewhere must not cost half a batch
            "engine": engine,
            "observations": [asdict(observation) for observation in observations],
            "sources": {name: rows[name].tolist() for name in rows.colnames},
            "cubes": cube_list(rows),
            **settings,
            **kept,
        }
    )


def _tasks(
    rows: Table,
    observations: Sequence[Observation],
    noise: Mapping[str, Any],
    box: Mapping[str, Any],
    folder: Path,
    scratch: str | Path | None,
    kept: Mapping[str, Any],
) -> list[CubeTask]:
    return [
        CubeTask(
            rows=select(rows, [cube["cube_id"]]),
            cube=cube,
            observation=draw_observation(observations, cube["noise_seed"]),
            thermal=bool(noise.get("thermal", True)),
            white=noise.get("snr") is not None,
            box=dict(box),
            folder=folder,
            scratch=None if scratch is None else Path(scratch),
            **kept,
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


def _finish(tasks: Sequence[CubeTask], partial: Path, out_dir: Path) -> Path:
    """Join the truth tables, remove the single ones and give the directory its name."""
    tasks = sorted(tasks, key=lambda task: task.cube["cube_id"])
    tables = [read_table(task.path("truth.ecsv")) for task in tasks]
    cubes = [cube for table in tables for cube in table.meta["cubes"]]
    filled = [table for table in tables if len(table)] or tables[:1]
    for table in filled:
        table.meta.clear()
    truth = vstack(filled, join_type="outer")
    truth.meta["cubes"] = cubes
    facts = provenance(**_instrument(tasks), **tasks[0].facts)
    if tasks[0].cut is not None:
        write_products(partial / "products.h5", join_products(task.path("products.h5") for task in tasks), facts)
    write_table(partial / "truth.ecsv", truth, facts)
    for task in tasks:
        task.path("truth.ecsv").unlink()
        task.path("products.h5").unlink(missing_ok=True)
    close_partial(partial, out_dir)
    return out_dir
