"""Images, tables and residuals of a posterior."""

from common import job

from cubefocus.jobs.posterior_products import PosteriorProducts, run

with job(snakemake) as provenance:
    given = snakemake.input
    run(PosteriorProducts(given.visibilities, given.posterior, snakemake.output.products, provenance))
