"""Fit the components of a sky to its visibilities, through the response."""

from common import job

from cubefocus.jobs.fit_components import FitComponents, run

with job(snakemake) as provenance:
    given = snakemake.input
    run(FitComponents(given.visibilities, given.truth, snakemake.output.fitted, provenance))
