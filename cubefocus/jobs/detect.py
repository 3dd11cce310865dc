"""The search of a batch of cubes as a request, a plain mapping, which any process can take.

Both kinds of request have ``cubes`` (folder of the batch), ``products`` (the file to write) and ``provenance``. The
cubes are searched in this process or, with an executor, where that runs them: a few at a time for training, one by one,
as `cubefocus detect` does it, for the catalogue.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table, vstack

from cubefocus.alma.chain import Chain
from cubefocus.alma.detection_products import source_products, write_detection_products
from cubefocus.alma.folder import parts_of, read_part, sky_of
from cubefocus.alma.pairs import training_pairs
from cubefocus.alma.training_products import Products, concatenate, write_products
from cubefocus.cube.cube import Cube, read_cube
from cubefocus.files import read_table, write_table
from cubefocus.instrument.observation import Observation
from cubefocus.learn.bundle import Bundle
from cubefocus.learn.distributed import pick_device
from cubefocus.provenance import hardware
from cubefocus.ranks import at_work
from cubefocus.specs import CHAIN
from cubefocus.timing import Clock

Request = Mapping[str, Any]
Part = Sequence[tuple[int, Path]]
Found = tuple[Table, Table, list[tuple[int, dict[str, np.ndarray]]], Clock]


def detect(request: Request, executor: Executor | None = None) -> None:
    """Search the test cubes of a batch; write catalogue, candidates and the images behind them.

    Parameters
    ----------
    request : mapping
        As above, with ``bundle`` (folder), ``catalogue``, ``candidates`` and ``time`` (files to write), and
        ``inverted``: whether to search the cubes times -1.
    executor : concurrent.futures.Executor, optional
        Its processes must see the same file system.

    Raises
    ------
    CubefocusError
        If a cube or a network cannot be read or used.
    """
    catalogues, candidates, clock = [], [], Clock()

    def searched() -> Iterator[tuple[int, dict[str, np.ndarray]]]:
        for catalogue, considered, products, cost in _over_parts(_detect_part, request, executor):
            catalogues.append(catalogue)
            candidates.append(considered)
            clock.add(cost)
            yield from products

    facts = _facts(request)
    write_detection_products(request["products"], searched(), facts)
    for name, tables in (("catalogue", catalogues), ("candidates", candidates)):
        write_table(request[name], vstack(tables, metadata_conflicts="silent"), facts)
    clock.write(request["time"])


def predict(request: Request, executor: Executor | None = None) -> None:
    """Cut the products of a batch out with predicted parameters, for fine-tuning the next network.

    Parameters
    ----------
    request : mapping
        As above, with ``networks`` (name to checkpoint) and ``detection`` (config section), ``stage`` (as
        `cubefocus.alma.pairs.training_pairs` takes it), ``truth`` (file), ``observation`` (config section) and
        ``criterion``.
    executor : concurrent.futures.Executor, optional
        Its processes must see the same file system.

    Raises
    ------
    CubefocusError
        If a cube or a network cannot be read or used.
    """
    parts = [*_over_parts(_predict_part, request, executor)]
    write_products(request["products"], concatenate(parts), _facts(request))


def _facts(request: Request) -> dict[str, Any]:
    """Provenance with the hardware that the networks computed on."""
    return {**request["provenance"], "hardware": hardware(pick_device("auto"))}


def _over_parts(work: Callable[[Request, Part], Any], request: Request, executor: Executor | None) -> Iterable[Any]:
    """What ``work`` makes of each part, in their order."""
    parts = [*parts_of(request["cubes"])]
    one_by_one = map if executor is None else executor.map
    return one_by_one(work, [request] * len(parts), parts)


def _detect_part(request: Request, part: Part) -> Found:
    with at_work(_name(part)):
        clock, catalogues, candidates, products = Clock(), [], [], []
        with clock.stage("loading", len(part)):
            chain = _chain(request)
        for cube_id, path in part:
            with clock.stage("reading", 1):
                cube = read_cube(path)
            if request["inverted"]:
                cube = Cube(-cube.data, cube.header)
            # One by one, as the command does it: the last bits of what a network says hang on how many are asked.
            found = chain.detect([cube], [cube_id])
            clock.add(found.clock)
            catalogues.append(found.catalogue)
            candidates.append(found.candidates)
            products += [(one.cube_id, source_products(one)) for one in found.fields]
        joined = (vstack(tables, metadata_conflicts="silent") for tables in (catalogues, candidates))
        return *joined, products, clock


def _predict_part(request: Request, part: Part) -> Products:
    with at_work(_name(part)):
        truth, stage = read_table(request["truth"]), request["stage"]
        observations = Observation.list_from_mapping(request["observation"])
        ids, cubes = read_part(part)
        skies = [sky_of(truth, cube_id, observations) for cube_id in ids] if stage == "blobs" else []
        return training_pairs(_chain(request), stage, cubes, skies, ids, truth, request["criterion"])


def _name(part: Part) -> str:
    return f"cubes {', '.join(str(cube_id) for cube_id, _ in part)}"


def _chain(request: Request) -> Chain:
    return _load_chain(json.dumps({key: request[key] for key in ("bundle", "networks", "detection") if key in request}))


@lru_cache(maxsize=1)
def _load_chain(text: str) -> Chain:
    """The chain of a request, which a process that is handed several parts loads once."""
    given = json.loads(text)
    if "bundle" in given:
        bundle = Bundle.load(given["bundle"])
        bundle.require(CHAIN)
    else:  # while the last networks are still to be trained, there is no bundle but in memory
        bundle = Bundle.from_checkpoints(given["networks"], given["detection"])
    return Chain.load(bundle, "auto")
