"""What the scripts do alike: log to the rule's file, report bad input in one line, find cubes and networks."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cubefocus.errors import CubefocusError
from cubefocus.io import Cube, read_cube, read_table
from cubefocus.provenance import digest, provenance

CUBES_IN_MEMORY = 8
logger = logging.getLogger("cubefocus")


@contextmanager
def job(snakemake: Any) -> Iterator[dict[str, Any]]:
    """Run a rule's work; give the provenance that its products carry.

    The log goes to the rule's log file and to the terminal. A `CubefocusError` ends the job with exit code 1 and
    its one message; anything else is a defect and keeps its traceback.
    """
    handlers = [logging.FileHandler(snakemake.log[0], mode="w"), logging.StreamHandler()]
    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=handlers)
    logger.setLevel(logging.INFO)
    logging.captureWarnings(True)
    config = snakemake.config
    try:
        facts = {"experiment": config["experiment"], "seed": config["seed"], "config": digest(config)}
        yield provenance(**facts, **instrument(snakemake))
    except CubefocusError as error:
        logger.error("error in rule %s: %s", snakemake.rule, error)
        sys.exit(1)


def instrument(snakemake: Any) -> dict[str, Any]:
    """Engine of each split, and the hashes of the responses behind the cubes that the engine fft makes."""
    config = snakemake.config
    facts: dict[str, Any] = {"engine": dict(config["engine"])}
    if "fft" in facts["engine"].values() or snakemake.input.get("responses"):
        from cubefocus.observe.response import response_hash  # here, as it takes a while to import
        from cubefocus.observe.setup import Observation

        observations = Observation.list_from_mapping(config["observation"])
        facts["responses"] = sorted({response_hash(observation) for observation in observations})
    return facts


def cubes_of(folder: str) -> dict[int, Path]:
    """Dirty cube of every field of a batch by its id, in the order of the ids.

    Its truth table says which there must be: a cube that somebody removed would otherwise be left out unseen.
    """
    ids = sorted(cube["cube_id"] for cube in read_table(Path(folder) / "truth.ecsv").meta["cubes"])
    cubes = {cube_id: Path(folder) / f"{cube_id:06d}.dirty.fits" for cube_id in ids}
    missing = [path.name for path in cubes.values() if not path.is_file()]
    if missing:
        raise CubefocusError(f"{folder}: lacks {', '.join(missing[:6])}; remove this folder and run again")
    return cubes


def read_by_parts(folder: str) -> Iterator[tuple[list[int], list[Cube]]]:
    """Read the dirty cubes of a batch, a few at a time so that full-size ones fit into memory."""
    cubes = cubes_of(folder)
    for start in range(0, len(cubes), CUBES_IN_MEMORY):
        ids = [*cubes][start : start + CUBES_IN_MEMORY]
        yield ids, [read_cube(cubes[cube_id]) for cube_id in ids]


def networks(inputs: Any) -> dict[str, str]:
    """Checkpoints among the inputs of a rule, by network."""
    from cubefocus.detect.chain import NETWORKS  # here, as most scripts need no detection

    return {name: path for name in NETWORKS if (path := inputs.get(name))}
