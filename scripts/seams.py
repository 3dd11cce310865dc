"""Measure the seams that the tiles of a network leave in the brightest image of a folder."""

from common import job

from cubefocus.jobs.seams import MeasureSeams, run

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
