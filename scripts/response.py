"""Measure the response of every observing set-up of the experiment with CASA."""

from cubefocus.jobs.response import MeasureResponses, run
from cubefocus.workflow.script import job

with job(snakemake):
    run(MeasureResponses(snakemake.params.observation, snakemake.output.responses))
