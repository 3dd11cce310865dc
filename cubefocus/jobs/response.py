"""Measure the response of every observing set-up of an experiment with CASA."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cubefocus.engines.measure import get_response
from cubefocus.instrument.observation import Observation

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class MeasureResponses:
    """Set-ups to measure: config section ``observation``, and the cache that receives one folder a set-up."""

    observation: Mapping[str, Any]
    responses: str


def run(job: MeasureResponses) -> None:
    """Measure what the cache does not have."""
    for observation in Observation.list_from_mapping(job.observation):
        response = get_response(observation, Path(job.responses))
        logger.info("%s: noise %.4g Jy/beam a channel", response.folder, response.noise_rms.mean())
