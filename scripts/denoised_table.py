"""Table of the methods to denoise, over all test images."""

from common import job

from cubefocus.jobs.denoised_table import DenoisedTable, run

with job(snakemake) as provenance:
    run(DenoisedTable([*snakemake.input.scores], snakemake.output.csv, snakemake.output.markdown, provenance))
