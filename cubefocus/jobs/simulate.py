"""The cubes of a batch as a request, a plain mapping, which any process can take."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

from cubefocus.alma.batch import simulate_batch
from cubefocus.errors import CubefocusError
from cubefocus.files import read_table
from cubefocus.instrument.observation import Observation
from cubefocus.sky.catalogue import cube_list, select


def simulate(request: Mapping[str, Any], executor: Executor | None = None) -> Path:
    """Make the cubes of a request in this process or, with an executor, where that runs them; return their folder.

    Parameters
    ----------
    request : mapping
        ``catalogue`` (path), ``cube_ids``, ``observation`` (as
        `cubefocus.instrument.observation.Observation.list_from_mapping` takes it), and plain arguments of
        `cubefocus.alma.batch.simulate_batch` by their names.
    executor : concurrent.futures.Executor, optional

    Raises
    ------
    CubefocusError
        If the catalogue lacks a cube, or as `cubefocus.alma.batch.simulate_batch` does.
    """
    options = dict(request)
    path, ids = options.pop("catalogue"), options.pop("cube_ids")
    catalogue, observations = read_table(path), Observation.list_from_mapping(options.pop("observation"))
    missing = sorted(set(ids) - {cube["cube_id"] for cube in cube_list(catalogue)})
    if missing:
        raise CubefocusError(f"{path}: has no cube {', '.join(map(str, missing[:6]))}; delete it and run again")
    return simulate_batch(select(catalogue, ids), observations, executor=executor, **options)
