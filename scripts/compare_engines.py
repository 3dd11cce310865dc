"""Push a hard sky through both engines for every observing set-up of the experiment."""

from pathlib import Path

from cubefocus.jobs.compare_engines import CompareEngines, run
from cubefocus.workflow.script import job

with job(snakemake) as provenance:
    run(
        CompareEngines(
            observation=snakemake.params.observation,
            responses=snakemake.input.responses,
            seed=snakemake.params.seed,
            comparisons=[*snakemake.output.comparisons],
            table=snakemake.output.csv.removesuffix(".csv"),
            casa_log=str(Path(snakemake.log[0]).with_suffix(".casa.log")),
            provenance=provenance,
        )
    )
