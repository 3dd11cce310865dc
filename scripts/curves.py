"""Draw the training curves of all networks."""

from common import job

from cubefocus.jobs.curves import Curves, run

with job(snakemake) as provenance:
    run(Curves([*snakemake.input], snakemake.output.png.removesuffix(".png"), provenance))
