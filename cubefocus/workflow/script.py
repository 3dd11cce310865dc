"""What the scripts do alike: log to the rule's file, report bad input in one line, find networks, share the work."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from cubefocus.errors import CubefocusError
from cubefocus.provenance import digest, provenance
from cubefocus.ranks import launch, leave_with
from cubefocus.specs import NETWORKS

logger = logging.getLogger("cubefocus")


@contextmanager
def job(snakemake: Any) -> Iterator[dict[str, Any]]:
    """Run a rule's work; give the provenance that its products carry.

    The log goes to the rule's log file and to the terminal. A `CubefocusError` ends the job with exit code 1 and
    its one message; anything else is a defect and keeps its traceback.
    """
    handlers: list[logging.Handler] = [logging.FileHandler(snakemake.log[0], mode="w"), logging.StreamHandler()]
    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=handlers)
    logger.setLevel(logging.INFO)
    logging.captureWarnings(True)
    leave_with(os.getppid())  # killed, Snakemake leaves its jobs behind, to write beside those of the next run
    config = snakemake.config
    try:
        facts = {key: config[key] for key in ("experiment", "seed", "trained_by") if config.get(key) is not None}
        facts["config"] = digest(config)
        yield provenance(**facts, **(instrument(snakemake) if "engine" in config else {}))
    except CubefocusError as error:
        logger.error("error in rule %s: %s", snakemake.rule, error)
        sys.exit(1)


def instrument(snakemake: Any) -> dict[str, Any]:
    """Engine of each split that is made, and the hashes of the responses behind the cubes that the engine fft makes."""
    config = snakemake.config
    made = {split: one for split, one in config["engine"].items() if split == "test" or not config["trained_by"]}
    facts: dict[str, Any] = {"engine": made}
    if "fft" in facts["engine"].values() or snakemake.input.get("responses"):
        from cubefocus.instrument.observation import Observation
        from cubefocus.instrument.response import response_hash  # here, as it takes a while to import

        observations = Observation.list_from_mapping(config["observation"])
        facts["responses"] = sorted({response_hash(observation) for observation in observations})
    return facts


def spread(snakemake: Any, work: Callable[..., Any], task: Any, place: str) -> None:
    """Do a job in this process, or over the MPI ranks that the profile asks for with ``tasks``."""
    ranks = snakemake.resources.get("tasks", 1)
    if ranks > 1:
        launch(work, task, ranks, snakemake.resources.get("mpi", "mpiexec"), place)
    else:
        work(task)


def networks(inputs: Any) -> dict[str, str]:
    """Checkpoints of the chain among the inputs of a rule, by network."""
    return {name: path for name in NETWORKS if (path := inputs.get(name))}
