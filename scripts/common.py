"""What every script of the workflow does alike: log to the rule's file and report bad input in one line."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cubefocus.errors import CubefocusError
from cubefocus.provenance import provenance

logger = logging.getLogger("cubefocus")


@contextmanager
def job(snakemake: Any) -> Iterator[dict[str, Any]]:
    """Run a rule's work; give the provenance that its products carry.

    The log goes to the rule's log file and to the terminal. A `CubefocusError` ends the job with exit code 1 and
    its one message; anything else is a defect and keeps its traceback.
    """
    os.environ.setdefault("OMP_NUM_THREADS", str(snakemake.threads))
    handlers = [logging.FileHandler(snakemake.log[0], mode="w"), logging.StreamHandler()]
    logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=handlers)
    logging.captureWarnings(True)
    facts = {
        "experiment": snakemake.config["experiment"],
        "seed": snakemake.config["seed"],
        "config": digest_of(snakemake.config),
    }
    try:
        yield provenance(**facts)
    except CubefocusError as error:
        logger.error("error in %s: %s", snakemake.rule, error)
        sys.exit(1)


def digest_of(config: dict[str, Any]) -> str:
    """Digest of the whole config, as it stands in every product."""
    from cubefocus.provenance import digest

    return digest(config)
