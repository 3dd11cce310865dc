"""Clean those cubes of a batch that a finder will search; a killed or failed job goes on with what is missing."""

from cubefocus.jobs.clean import Clean, run
from cubefocus.workflow.script import job

with job(snakemake) as provenance:
    given, params = snakemake.input, snakemake.params
    run(
        Clean(
            cubes=given.cubes,
            observation=params.observation,
            responses=given.responses,
            images=snakemake.output.images,
            time=snakemake.output.time,
            truth=[*given.truth],
            drawn=params.drawn,
            seed=params.seed,
            workers=snakemake.threads,
            code=params.code,
            provenance=provenance,
        )
    )
