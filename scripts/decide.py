"""Choose the significance that sources of the fit must have, on the validation split."""

from cubefocus.jobs.decide import Decide, run
from cubefocus.workflow.script import job

with job(snakemake) as provenance:
    run(
        Decide(
            truth=snakemake.input.truth,
            fitted=[*snakemake.input.fitted],
            evaluation=snakemake.params.evaluation,
            lowest=snakemake.params.lowest,
            choice=snakemake.output.choice,
            provenance=provenance,
        )
    )
