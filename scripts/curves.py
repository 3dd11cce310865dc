"""Draw the training curves of all networks."""

from cubefocus.jobs.curves import Curves, run
from cubefocus.workflow.script import job

with job(snakemake) as provenance:
    run(Curves([*snakemake.input], snakemake.output.png.removesuffix(".png"), provenance))
