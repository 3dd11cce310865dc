"""Measure the response of every observing set-up of the experiment with CASA."""

from pathlib import Path

from common import job, logger

from cubefocus.engines.measure import get_response
from cubefocus.instrument.observation import Observation

with job(snakemake):
    cache = Path(snakemake.output.responses)
    for observation in Observation.list_from_mapping(snakemake.params.observation):
        response = get_response(observation, cache)
        logger.info("%s: noise %.4g Jy/beam a channel", response.folder, response.noise_rms.mean())
