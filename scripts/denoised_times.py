"""Table of the time that networks take to denoise."""

from common import job

from cubefocus.jobs.denoised_times import DenoisedTimes, run

with job(snakemake) as provenance:
    run(DenoisedTimes([*snakemake.input.times], snakemake.output.csv.removesuffix(".csv"), provenance))
