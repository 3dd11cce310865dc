"""Search cubes of a held-out set-up with each proposer alone and with all together."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cubefocus.cube.cube import Cube
from cubefocus.errors import CubefocusError
from cubefocus.files import write_table
from cubefocus.general.task import NAME
from cubefocus.jobs.heldout_cubes import read_cubes, rows_as_table
from cubefocus.learn.bundle import Bundle
from cubefocus.search.instruments import beams_px
from cubefocus.search.levels import Levels, measure_levels
from cubefocus.search.linking import islands
from cubefocus.search.matched import Matched
from cubefocus.search.network import NetworkProposer
from cubefocus.search.proposers import joined
from cubefocus.search.significance import Proposer, Significance

UNSCALED = 0.6  # of the linking's threshold for the network before its scale is known
CANDIDATES: dict[str, Any] = {
    "setup": int, "cube_id": int, "restored": bool, "proposer": "U16", "significance": float, "source": int, "x": int,
    "y": int, "z": int,
}  # fmt: skip
TIMES: dict[str, Any] = {
    "setup": int, "cube_id": int, "restored": bool, "proposer": "U16", "cpu_s": float, "voxels": int,
}  # fmt: skip


@dataclass(frozen=True)
class Propose:
    """Cubes to search.

    Attributes
    ----------
    cubes : str
        Folder, as `cubefocus.jobs.heldout_cubes` leaves it.
    number : int
        Of their set-up.
    model : str
        Checkpoint of the network.
    choice : str or None
        JSON file with the network's ``scale`` and ``narrowest``; None for the calibration, which they are chosen on.
    link : float
        Significance of voxels that are linked.
    candidates, times : str
        Tables to write.
    narrowest : int
        Width of the narrowest windows without a choice.
    provenance : mapping
    """

    cubes: str
    number: int
    model: str
    choice: str | None
    link: float
    candidates: str
    times: str
    narrowest: int = 1
    provenance: Mapping[str, Any] = field(default_factory=dict)


def run(job: Propose) -> None:
    """Search the cubes one by one, and write what was found.

    Raises
    ------
    CubefocusError
        If a cube, the checkpoint or the choice cannot be read.
    """
    proposers = _proposers(job)
    candidates: list[dict[str, Any]] = []
    times: list[dict[str, Any]] = []
    n_cubes = 0
    for number, restored, cube, owner in read_cubes(job.cubes):
        facts = {"setup": job.number, "cube_id": number, "restored": restored}
        for name, (found, seconds) in _search(cube, proposers, job.choice is not None).items():
            link = job.link * (UNSCALED if name == "network" and job.choice is None else 1.0)
            times.append(facts | {"proposer": name, "cpu_s": seconds, "voxels": cube.data.size})
            candidates += [facts | {"proposer": name} | row for row in _islands(found, owner, link)]
        n_cubes += 1
    for path, rows, columns in ((job.candidates, candidates, CANDIDATES), (job.times, times, TIMES)):
        write_table(path, rows_as_table(rows, columns, {"cubes": n_cubes}), job.provenance)


def read_choice(path: str | Path) -> dict[str, Any]:
    """Settings of the network that rule ``calibrate`` chose.

    Raises
    ------
    CubefocusError
        If the file is damaged.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        return {"scale": float(content["scale"]), "narrowest": int(content["narrowest"])}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CubefocusError(f"{path}: is no choice of the network's scale ({error}); make it again") from error


def _proposers(job: Propose) -> dict[str, Proposer]:
    choice = {"scale": 1.0, "narrowest": job.narrowest} if job.choice is None else read_choice(job.choice)
    network = NetworkProposer.of(Bundle.from_checkpoints({NAME: job.model}, {NAME: choice}))
    return {"matched": Matched(), "network": network}


def _search(cube: Cube, proposers: Mapping[str, Proposer], together: bool) -> dict[str, tuple[Significance, float]]:
    """What each proposer says of a cube, and all of them together, with the seconds of processor time that it took."""
    beams = beams_px(cube, cube.beam or (0.0, 0.0, 0.0))
    major, minor, angle = beams[len(beams) // 2].tolist()
    levels: Levels = measure_levels(cube.data, float(np.sqrt(major * minor)))
    found: dict[str, tuple[Significance, float]] = {}
    for name, propose in proposers.items():
        began = time.process_time()
        one = propose(cube.data, levels, (major, minor, angle))
        found[name] = (one, time.process_time() - began)
    if together:
        both = joined([one for one, _ in found.values()])
        found["+".join(proposers)] = (both, sum(seconds for _, seconds in found.values()))
    return found


def _islands(found: Significance, owner: np.ndarray, link: float) -> list[dict[str, Any]]:
    linked = islands(found.positive, link, found.alive)
    rows = []
    for peak, place in zip(linked.peak.tolist(), linked.place.tolist(), strict=True):
        z, y, x = place
        rows.append({"significance": peak, "source": int(owner[z, y, x]), "x": x, "y": y, "z": z})
    return rows
