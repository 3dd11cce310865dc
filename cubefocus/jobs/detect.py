"""Search one batch of cubes with the chain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from astropy.table import Table, vstack

from cubefocus.alma.detection_products import source_products, write_detection_products
from cubefocus.cube.cube import Cube
from cubefocus.cube.reading import read_cube
from cubefocus.files import write_table
from cubefocus.jobs.parts import Part, bundle_chain, facts_of, name_of, over_parts
from cubefocus.ranks import at_work
from cubefocus.timing import Clock

Found = tuple[Table, Table, list[tuple[int, dict[str, np.ndarray]]], Clock]


@dataclass(frozen=True)
class Detect:
    """A batch to search.

    Attributes
    ----------
    cubes : str
        Folder of the batch.
    bundle : str
        Folder of the bundle whose networks and settings search them.
    catalogue, candidates, products, time : str
        Files to write: sources, all that was considered, the images behind them, and what it took.
    inverted : bool
        Whether to search the cubes times -1.
    provenance : mapping
    """

    cubes: str
    bundle: str
    catalogue: str
    candidates: str
    products: str
    time: str
    inverted: bool = False
    provenance: Mapping[str, Any] = field(default_factory=dict)


def run(job: Detect, executor: Executor | None = None) -> None:
    """Search the cubes of a batch; write catalogue, candidates and the images behind them.

    Parameters
    ----------
    job : Detect
    executor : concurrent.futures.Executor, optional
        Its processes must see the same file system.

    Raises
    ------
    CubefocusError
        If a cube or a network cannot be read or used.
    """
    catalogues, candidates, clock = [], [], Clock()

    def searched() -> Iterator[tuple[int, dict[str, np.ndarray]]]:
        for catalogue, considered, products, cost in over_parts(_detect_part, job, executor):
            catalogues.append(catalogue)
            candidates.append(considered)
            clock.add(cost)
            yield from products

    facts = facts_of(job.provenance)
    write_detection_products(job.products, searched(), facts)
    write_table(job.catalogue, vstack(catalogues, metadata_conflicts="silent"), facts)
    write_table(job.candidates, vstack(candidates, metadata_conflicts="silent"), facts)
    clock.write(job.time)


def _detect_part(job: Detect, part: Part) -> Found:
    with at_work(name_of(part)):
        clock, catalogues, candidates, products = Clock(), [], [], []
        with clock.stage("loading", len(part)):
            chain = bundle_chain(job.bundle)
        for cube_id, path in part:
            with clock.stage("reading", 1):
                cube = read_cube(path)
            if job.inverted:
                cube = Cube(-cube.data, cube.header)
            # One by one, as the command does it: the last bits of what a network says hang on how many are asked.
            found = chain.detect([cube], [cube_id])
            clock.add(found.clock)
            catalogues.append(found.catalogue)
            candidates.append(found.candidates)
            products += [(one.cube_id, source_products(one)) for one in found.fields]
        joined = (vstack(tables, metadata_conflicts="silent") for tables in (catalogues, candidates))
        return *joined, products, clock
