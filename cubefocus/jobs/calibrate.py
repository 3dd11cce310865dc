"""Choose the scale of the network's significance: noise is to reach a height as often as in the bank of templates."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from astropy.table import vstack

from cubefocus.errors import CubefocusError
from cubefocus.files import atomic_path, read_table
from cubefocus.general.scores import false_height

logger = logging.getLogger(__name__)

PER_CUBE = (0.5, 2.0)  # false islands a cube at which heights are compared
STEPS = 7


@dataclass(frozen=True)
class Calibrate:
    """What the scale is chosen from.

    Attributes
    ----------
    candidates : sequence of str
        Tables of the calibration, one a set-up.
    choice : str
        JSON file to write.
    narrowest : int
        Width of the narrowest windows that the network was run with, channels.
    provenance : mapping
    """

    candidates: Sequence[str]
    choice: str
    narrowest: int
    provenance: Mapping[str, Any] = field(default_factory=dict)


def run(job: Calibrate) -> None:
    """Choose the scale.

    Raises
    ------
    CubefocusError
        If a table cannot be read, or has too few false islands.
    """
    tables = [read_table(path) for path in job.candidates]
    n_cubes = sum(table.meta["cubes"] for table in tables)
    whole = vstack(tables, metadata_conflicts="silent")
    ratios = []
    for rate in np.geomspace(*PER_CUBE, STEPS).tolist():
        heights = [false_height(whole[whole["proposer"] == name], rate, n_cubes) for name in ("matched", "network")]
        ratios.append((heights[0] / heights[1]) ** 2)
        logger.info("%.2g false islands a cube: above %.3g with templates, %.3g with the network", rate, *heights)
    known = [ratio for ratio in ratios if math.isfinite(ratio)]
    if not known:
        raise CubefocusError(
            "too few false islands to tell the network's scale; give more comparison.calibration cubes"
        )
    content = {"scale": float(np.median(known)), "narrowest": job.narrowest, "provenance": dict(job.provenance)}
    with atomic_path(job.choice) as part:
        part.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
