"""Map the integrated images of one batch with the network of a finder."""

from cubefocus.jobs.map import MapImages, run
from cubefocus.workflow.script import job

with job(snakemake) as provenance:
    run(
        MapImages(
            products=snakemake.input.products,
            network=snakemake.input.network,
            detection=snakemake.params.detection,
            maps=snakemake.output.maps,
            time=snakemake.output.time,
            provenance=provenance,
        )
    )
