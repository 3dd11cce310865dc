"""Make one cube of a batch: sky, observation, noise and truth, from a task that any process can take."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from cubefocus.alma.training_products import true_products, write_products
from cubefocus.cube.cube import Cube
from cubefocus.cube.scale import beam_px
from cubefocus.cube.writing import write_cube
from cubefocus.engines.casa import observe
from cubefocus.files import write_table
from cubefocus.instrument.noise import add_white, central_peak, image_snr, nominal_peak, white_rms
from cubefocus.instrument.observation import Observation
from cubefocus.instrument.response import open_response
from cubefocus.provenance import provenance
from cubefocus.ranks import at_work
from cubefocus.sky.model import sky_cube
from cubefocus.sky.truth import measure_truth
from cubefocus.stats.noise import thermal_rms


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


def simulate_cube(task: CubeTask) -> dict[str, Any]:
    """Make one cube: sky, observation, noise, truth. Its truth table is written last and says that it is whole.

    Returns
    -------
    dict
        The cube's entry (cube_id, split, snr_target, noise_seed) with thermal_rms and white_rms (Jy/beam per
        voxel), snr_image, the SNR of the central source that was reached (None without central source), and beam_px,
        minor and major axis of the dirty beam.
    """
    with at_work(f"cube {task.cube['cube_id']}"):
        return _simulate_cube(task)


def _simulate_cube(task: CubeTask) -> dict[str, Any]:
    sky = sky_cube(task.rows, task.observation)
    dirty = _observe(task, sky)
    made = {**task.cube, **_noise_levels(task, dirty), "beam_px": beam_px(dirty)}
    facts = provenance(**instrument([task]), observation=asdict(task.observation), **task.facts, **made)
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


def instrument(tasks: Sequence[CubeTask]) -> dict[str, Any]:
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
    from cubefocus.engines import fft  # torch takes seconds to import, and CASA's cubes do without

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
