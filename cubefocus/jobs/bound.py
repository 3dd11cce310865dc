"""The limit of the noise for the true sources of the test split: what no estimator can undercut."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cubefocus.alma.bound import cube_bounds
from cubefocus.alma.catalogue import build_table
from cubefocus.alma.setups import beam_of, setups_of
from cubefocus.files import read_table, write_table
from cubefocus.instrument.observation import Observation
from cubefocus.tables.columns import cube_ids, define

_LIMIT = "smallest standard error that an unbiased estimator can have, all sources of the cube together (Cramer-Rao)"
COLUMNS = (
    define("cube_id"),
    define("source_id", "number of the true source in its cube"),
    *(
        define(f"{name}_err", _LIMIT)
        for name in ("x", "y", "sigma_x", "sigma_y", "pa", "z", "fwhm_z", "major", "minor", "position_angle",
                     "continuum_mjy", "line_flux_jykms")
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Bound:
    """True sources to compute the limit for.

    Attributes
    ----------
    truth : list of str
        Truth tables, all batches.
    responses : str
        Cache of responses.
    observation : mapping
        Config section.
    bound : str
        File to write.
    provenance : mapping
    """

    truth: list[str]
    responses: str
    observation: Mapping[str, Any]
    bound: str
    provenance: Mapping[str, Any] = field(default_factory=dict)


def run(job: Bound) -> None:
    """Compute and write.

    Raises
    ------
    CubefocusError
        If a table or a response cannot be read.
    """
    observations, rows = Observation.list_from_mapping(job.observation), []
    for path in job.truth:
        truth = read_table(path)
        for cube, folder in setups_of(truth, observations, Path(job.responses)).items():
            response, beam = beam_of(folder)
            rows += cube_bounds(truth[np.flatnonzero(cube_ids(truth) == cube)], response, beam)
    write_table(job.bound, build_table(COLUMNS, rows), job.provenance)
