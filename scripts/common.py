"""What the scripts do alike: log to the rule's file, report bad input in one line, find cubes and networks."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cubefocus.errors import CubefocusError
from cubefocus.provenance import digest, provenance

NETWORKS = ("blobs_finder", "deep_gru", "sigma_x", "sigma_y", "pa", "flux")

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
        yield provenance(experiment=config["experiment"], seed=config["seed"], config=digest(config))
    except CubefocusError as error:
        logger.error("error in rule %s: %s", snakemake.rule, error)
        sys.exit(1)


def cubes_of(folder: str) -> list[tuple[int, Path, Path]]:
    """Id, dirty cube and sky cube of every field of a batch, in the order of their ids."""
    dirty = sorted(Path(folder).glob("[0-9]*.dirty.fits"))
    if not dirty:
        raise CubefocusError(f"{folder}: holds no cubes; remove this folder and run again to simulate them anew")
    return [(int(path.name.split(".")[0]), path, path.with_name(path.name.replace("dirty", "sky"))) for path in dirty]


def networks(inputs: Any) -> dict[str, str]:
    """Checkpoints among the inputs of a rule, by network."""
    return {name: path for name in NETWORKS if (path := inputs.get(name))}


def device() -> str:
    """The GPU where there is one."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
