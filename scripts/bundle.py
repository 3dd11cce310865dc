"""Put the networks of a run into a bundle, with the settings and the ranges that they are good for."""

from cubefocus.jobs.bundle import Job, run
from cubefocus.workflow.script import job, networks

with job(snakemake) as provenance:
    run(
        Job(
            networks=networks(snakemake.input),
            truth=[*snakemake.input.truth],
            bundle=snakemake.output.bundle,
            provenance=provenance,
            **snakemake.params.bundle,
        )
    )
