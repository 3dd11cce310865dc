"""Images, tables and residuals of a posterior."""

from cubefocus.jobs.posterior_products import PosteriorProducts, run
from cubefocus.workflow.script import job

with job(snakemake) as provenance:
    given = snakemake.input
    run(PosteriorProducts(given.visibilities, given.posterior, snakemake.output.products, provenance))
