"""Train the autoencoder with each set of hyper-parameters of a grid; a killed sweep goes on with what is missing."""

from cubefocus.jobs.sweep import Sweep, run
from cubefocus.workflow.script import job, spread

with job(snakemake) as provenance:
    params, made = snakemake.params, snakemake.output
    task = Sweep(
        dataset=snakemake.wildcards.dataset,
        observed={"train": params.train, "validation": params.validation},
        table=made.table,
        times=made.times,
        provenance=provenance,
        **{name: params[name] for name in ("skies", "tile", "options", "settings", "grid", "seed", "code")},
    )
    spread(snakemake, run, task, task.table)
