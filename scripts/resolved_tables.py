"""Tables of the Bayesian imaging: the components of the main sky, coverage, detections, hyper-parameters."""

from cubefocus.jobs.resolved_tables import ResolvedTables, run
from cubefocus.workflow.script import job

with job(snakemake) as provenance:
    given, params = snakemake.input, snakemake.params
    tables = [path.removesuffix(".csv") for path in snakemake.output.csv]
    compared, detected = [*given.compared], [*given.detected]
    run(ResolvedTables(given.posterior, compared, detected, params.prior, tables, params.seed, provenance))
