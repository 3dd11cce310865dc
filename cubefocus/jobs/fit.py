"""Fit the sources of one batch of cubes together through the dirty beam, from what the chain found."""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table, vstack

from cubefocus.alma.catalogue import build_table
from cubefocus.alma.fitted import COLUMNS, fit_cube
from cubefocus.alma.setups import beam_of, setups_of
from cubefocus.cube.cube import Cube
from cubefocus.cube.reading import read_cube
from cubefocus.files import read_table, write_table
from cubefocus.find.cubes import inverted_ids
from cubefocus.instrument.observation import Observation
from cubefocus.jobs.parts import Part, facts_of, name_of, over_parts
from cubefocus.learn.distributed import pick_device
from cubefocus.ranks import at_work
from cubefocus.settings import DetectionSettings
from cubefocus.tables.columns import cube_ids
from cubefocus.timing import Clock


@dataclass(frozen=True)
class Fit:
    """A batch to fit.

    Attributes
    ----------
    cubes : str
        Folder of the batch.
    truth : str
        Its truth table, or that of all splits, which says which set-up each cube drew; nothing else is read of it.
    starts : str
        Catalogue of the chain.
    responses : str
        Cache of responses.
    observation, detection : mapping
        Config sections; of the second, ``fit`` and the rest frequency.
    box_level : float
        Config key ``sky.box_level``.
    choice : str or None
        File with the threshold that validation cubes chose; without it, the lowest one that is looked at.
    fitted, time : str
        Files to write: the catalogue of the fit, and what it took.
    inverted : mapping, optional
        ``number`` and ``seed``: how many of all test cubes are fitted, times -1, for a measure of false sources, and
        what draws them. The batch is fitted as it is without it.
    provenance : mapping
    """

    cubes: str
    truth: str
    starts: str
    responses: str
    observation: Mapping[str, Any]
    detection: Mapping[str, Any]
    box_level: float
    choice: str | None
    fitted: str
    time: str
    inverted: Mapping[str, int] | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)


def run(job: Fit, executor: Executor | None = None) -> None:
    """Fit the cubes of a batch.

    Parameters
    ----------
    job : Fit
    executor : concurrent.futures.Executor, optional
        Its processes must see the same file system.

    Raises
    ------
    CubefocusError
        If a cube, a table or a response cannot be read.
    """
    tables, clock = [], Clock()
    for table, cost in over_parts(_fit_part, job, executor):
        tables.append(table)
        clock.add(cost)
    cubes = [cube for table in tables for cube in table.meta["cubes"]]
    whole = vstack(tables, metadata_conflicts="silent")
    whole.meta["cubes"] = cubes
    write_table(job.fitted, whole, facts_of(job.provenance))
    clock.write(job.time)


def _fit_part(job: Fit, part: Part) -> tuple[Table, Clock]:
    with at_work(name_of(part)):
        settings = DetectionSettings.from_mapping(job.detection)
        keep = settings.fit.search if job.choice is None else json.loads(Path(job.choice).read_text())["keep"]
        rules, device = replace(settings.fit, keep=keep), pick_device("auto")
        truth = read_table(job.truth)
        setups = setups_of(truth, Observation.list_from_mapping(job.observation), job.responses)
        fitted = _chosen(job, truth, part)
        starts, clock, tables = read_table(job.starts), Clock(), [build_table(COLUMNS, [])]
        for cube_id, path in fitted:
            _, beam = beam_of(setups[cube_id])
            with clock.stage("reading", 1):
                cube = read_cube(path)
            if job.inverted is not None:
                cube = Cube(-cube.data, cube.header)
            with clock.stage("fit", 1):
                own = starts[np.flatnonzero(cube_ids(starts) == cube_id)] if len(starts) else None
                found = fit_cube(
                    cube,
                    beam,
                    own,
                    rules,
                    box_level=job.box_level,
                    cube_id=cube_id,
                    rest_frequency_ghz=settings.rest_frequency_ghz,
                    device=str(device),
                )
            tables.append(found.catalogue)
        whole = vstack(tables, metadata_conflicts="silent")
        whole.meta["cubes"] = [cube_id for cube_id, _ in fitted]
        return whole, clock


def _chosen(job: Fit, truth: Table, part: Part) -> Part:
    """The cubes of a part that are fitted: a cube times -1 has a hole for each source, and takes as long as a search.

    They are those that slow finders search times -1 as well.
    """
    if job.inverted is None:
        return part
    drawn = inverted_ids(truth, True, **job.inverted)
    return [(cube_id, path) for cube_id, path in part if cube_id in drawn]
