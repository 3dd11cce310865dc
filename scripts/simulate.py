"""Simulate one batch of cubes; a killed or failed batch goes on with the cubes that are missing."""

from cubefocus.jobs.simulate import Simulate, batch_of, run
from cubefocus.workflow.script import job, spread

with job(snakemake) as provenance:
    given, made, params, wildcards = snakemake.input, snakemake.output, snakemake.params, snakemake.wildcards
    names = ("observation", "noise", "box", "engine", "cut", "compress", "code")
    task = Simulate(
        catalogue=given.catalogue,
        cube_ids=batch_of(given.catalogue, wildcards.split, int(wildcards.batch), params.batch_size),
        responses=given.get("responses") or None,
        workers=snakemake.threads,
        facts={key: provenance[key] for key in ("experiment", "seed", "config")},
        **{name: params[name] for name in names},
        **{name: made[name] for name in ("cubes", "truth", "products")},
    )
    spread(snakemake, run, task, task.cubes)
