"""Table of the time that networks take to denoise."""

from cubefocus.jobs.denoised_times import DenoisedTimes, run
from cubefocus.workflow.script import job

with job(snakemake) as provenance:
    run(DenoisedTimes([*snakemake.input.times], snakemake.output.csv.removesuffix(".csv"), provenance))
