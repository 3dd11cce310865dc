"""Simulate one batch of cubes."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cubefocus.alma.batch import simulate_batch
from cubefocus.errors import CubefocusError
from cubefocus.files import read_table
from cubefocus.instrument.observation import Observation
from cubefocus.sky.catalogue import cube_list, select


@dataclass(frozen=True)
class Simulate:
    """A batch of cubes to make.

    Attributes
    ----------
    catalogue : str
        Table of the sources of all cubes.
    cube_ids : list of int
    cubes : str
        Folder to make.
    observation, noise, box : mapping
        Config sections ``observation`` and ``noise``; ``box_level`` and ``box_reference``.
    engine : {"casa", "fft"}
    responses : str, optional
        Cache of responses, for the engine fft.
    cut : mapping, optional
        ``size`` and ``dilation`` of the training products.
    compress : bool
    truth, products : str, optional
        Files that receive copies of the batch's truth table and training products.
    code : str, optional
        Digest of the code that makes them: what other code left unfinished is not used.
    workers : int
        Cubes at a time, in this process.
    facts : mapping
        For the provenance.
    """

    catalogue: str
    cube_ids: list[int]
    cubes: str
    observation: Mapping[str, Any]
    noise: Mapping[str, Any]
    box: Mapping[str, Any]
    engine: str = "casa"
    responses: str | None = None
    cut: Mapping[str, Any] | None = None
    compress: bool = False
    truth: str | None = None
    products: str | None = None
    code: str | None = None
    workers: int = 1
    facts: Mapping[str, Any] = field(default_factory=dict)


def batch_of(catalogue: str, split: str, batch: int, batch_size: int) -> list[int]:
    """Ids of the cubes of a batch of a split.

    Raises
    ------
    CubefocusError
        If the catalogue has none.
    """
    ids = [cube["cube_id"] for cube in cube_list(read_table(catalogue)) if cube["split"] == split]
    if not ids[batch * batch_size :]:
        raise CubefocusError(f"{catalogue} has no cubes for this batch; delete it and run again")
    return ids[batch * batch_size : (batch + 1) * batch_size]


def run(job: Simulate, executor: Executor | None = None) -> Path:
    """Make the cubes in this process or, with an executor, where that runs them; return their folder.

    Raises
    ------
    CubefocusError
        If the catalogue lacks a cube, or as `cubefocus.alma.batch.simulate_batch` does.
    """
    catalogue = read_table(job.catalogue)
    missing = sorted(set(job.cube_ids) - {cube["cube_id"] for cube in cube_list(catalogue)})
    if missing:
        raise CubefocusError(
            f"{job.catalogue}: has no cube {', '.join(map(str, missing[:6]))}; delete it and run again"
        )
    return simulate_batch(
        select(catalogue, job.cube_ids),
        Observation.list_from_mapping(job.observation),
        job.noise,
        job.box,
        job.cubes,
        workers=job.workers,
        facts=job.facts,
        executor=executor,
        engine=job.engine,
        responses=job.responses,
        cut=job.cut,
        compress=job.compress,
        code=job.code,
        copies={name: path for name, path in (("truth.ecsv", job.truth), ("products.h5", job.products)) if path},
    )
