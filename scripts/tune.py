"""Choose the parameters of one of the other finders on the validation split."""

from cubefocus.find.own import SetUps
from cubefocus.jobs.tune import Tune, run
from cubefocus.workflow.script import job

with job(snakemake) as provenance:
    names = ("evaluation", "tuning_cubes", "inverted_cubes", "seed")
    run(
        Tune(
            method=snakemake.wildcards.method,
            truth=snakemake.input.truth,
            validation=[*snakemake.input.validation],
            setups=SetUps.of_rule(snakemake),
            provenance=provenance,
            **{name: snakemake.params[name] for name in names},
            **{name: snakemake.output[name] for name in ("choice", "scores", "time")},
        )
    )
