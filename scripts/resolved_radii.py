"""Table of the flux of a disc within some radii."""

from cubefocus.jobs.resolved_radii import ResolvedRadii, run
from cubefocus.workflow.script import job

with job(snakemake) as provenance:
    given, table = snakemake.input, snakemake.output.csv.removesuffix(".csv")
    tclean = dict(zip(snakemake.params.weightings, given.tclean, strict=True))
    run(ResolvedRadii(given.posterior, tclean, given.get("sky") or None, table, provenance))
