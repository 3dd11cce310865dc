"""Measure the seams that the tiles of a network leave in the brightest image of a folder."""

from cubefocus.jobs.seams import MeasureSeams, run
from cubefocus.workflow.script import job

with job(snakemake) as provenance:
    run(
        MeasureSeams(
            dataset=snakemake.wildcards.dataset,
            network=snakemake.wildcards.network,
            model=snakemake.input.model,
            observed=snakemake.input.observed,
            observation=snakemake.params.observation,
            seams=snakemake.output.seams,
            provenance=provenance,
        )
    )
