"""Table of what inference, CLEAN and fit took."""

from cubefocus.jobs.resolved_times import ResolvedTimes, run
from cubefocus.workflow.script import job

with job(snakemake) as provenance:
    params, table = snakemake.params, snakemake.output.csv.removesuffix(".csv")
    run(ResolvedTimes(params.resolve, params.tclean, params.measured, table, provenance))
