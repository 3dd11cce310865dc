"""Measure the response of every observing set-up of the experiment with CASA."""

from common import job

from cubefocus.jobs.response import MeasureResponses, run

with job(snakemake):
    run(MeasureResponses(snakemake.params.observation, snakemake.output.responses))
