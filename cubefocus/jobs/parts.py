"""The chain on the cubes of a batch, a few at a time: in this process or, with an executor, where that runs them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from functools import lru_cache
from pathlib import Path
from typing import Any

from cubefocus.alma.chain import Chain
from cubefocus.alma.folder import parts_of
from cubefocus.learn.bundle import Bundle
from cubefocus.learn.distributed import pick_device
from cubefocus.provenance import hardware
from cubefocus.specs import chain_among

Part = Sequence[tuple[int, Path]]


def over_parts(work: Callable[[Any, Part], Any], job: Any, executor: Executor | None) -> Iterable[Any]:
    """What ``work(job, part)`` makes of each part of the folder ``job.cubes``, in their order."""
    parts = [*parts_of(job.cubes)]
    one_by_one = map if executor is None else executor.map
    return one_by_one(work, [job] * len(parts), parts)


def name_of(part: Part) -> str:
    """Cubes of a part, for messages."""
    return f"cubes {', '.join(str(cube_id) for cube_id, _ in part)}"


def facts_of(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Provenance with the hardware that the networks computed on."""
    return {**provenance, "hardware": hardware(pick_device("auto"))}


def bundle_chain(folder: str) -> Chain:
    """The chain of a bundle with all its networks, which a process that is handed several parts loads once."""
    return _load_chain(json.dumps({"bundle": folder}))


def chain_of(networks: Mapping[str, str], detection: Mapping[str, Any]) -> Chain:
    """The chain with the networks of some checkpoints: while the last ones are still to be trained, there is no bundle
    but in memory.
    """
    return _load_chain(json.dumps({"networks": dict(networks), "detection": dict(detection)}))


@lru_cache(maxsize=1)
def _load_chain(text: str) -> Chain:
    given = json.loads(text)
    if "bundle" in given:
        bundle = Bundle.load(given["bundle"])
        bundle.require(chain_among(bundle.networks))
    else:
        bundle = Bundle.from_checkpoints(given["networks"], given["detection"])
    return Chain.load(bundle, "auto")
