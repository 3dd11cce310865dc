"""Figure of how far fluxes and peaks are from the truth in their stated errors, over the skies of the coverage."""

from cubefocus.jobs.resolved_coverage import ResolvedCoverage, run
from cubefocus.workflow.script import job

with job(snakemake) as provenance:
    run(ResolvedCoverage([*snakemake.input.compared], snakemake.output.png.removesuffix(".png"), provenance))
