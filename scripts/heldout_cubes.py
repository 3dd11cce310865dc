"""Make the cubes of a held-out set-up on which the proposers are compared."""

from cubefocus.jobs.heldout_cubes import HeldoutCubes, run
from cubefocus.workflow.script import job

with job(snakemake) as provenance:
    params = snakemake.params
    run(
        HeldoutCubes(
            responses=snakemake.input.responses,
            number=int(snakemake.wildcards.number),
            split=snakemake.wildcards.split,
            cubes=snakemake.output.cubes,
            provenance=provenance,
            **{name: params[name] for name in ("setup", "n_cubes", "comparison", "seed")},
        )
    )
