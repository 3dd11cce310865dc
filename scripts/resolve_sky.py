"""Infer a sky from its visibilities."""

from cubefocus.jobs.resolve_sky import ResolveSky, run
from cubefocus.workflow.script import job

with job(snakemake) as provenance:
    given, made, params = snakemake.input, snakemake.output, snakemake.params
    names = ("state", "prior", "rounds", "seed")
    run(
        ResolveSky(
            given.visibilities,
            made.posterior,
            rounds_folder=made.rounds,
            times=made.times,
            **{name: params[name] for name in names},
            inference={**params.inference, "threads": snakemake.threads},
            provenance=provenance,
        )
    )
