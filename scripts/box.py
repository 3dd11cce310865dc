"""Run a box of dark matter, and keep what shines in it."""

from cubefocus.jobs.box import MakeBox, run
from cubefocus.workflow.script import job

with job(snakemake) as provenance:
    run(MakeBox(snakemake.params.sky, snakemake.params.seed, snakemake.output.box, provenance))
