"""Fit the components of a sky to its visibilities, through the response."""

from cubefocus.jobs.fit_components import FitComponents, run
from cubefocus.workflow.script import job

with job(snakemake) as provenance:
    given = snakemake.input
    run(FitComponents(given.visibilities, given.truth, snakemake.output.fitted, provenance))
