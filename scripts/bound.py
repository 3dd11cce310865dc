"""The limit of the noise for the true sources of the test split."""

from cubefocus.jobs.bound import Bound, run
from cubefocus.workflow.script import job

with job(snakemake) as provenance:
    run(
        Bound(
            truth=[*snakemake.input.truth],
            responses=snakemake.input.responses,
            observation=snakemake.params.observation,
            bound=snakemake.output.bound,
            provenance=provenance,
        )
    )
