"""Join the catalogues of the cubes of a list."""

from cubefocus.jobs.join import Join, run
from cubefocus.workflow.script import job

with job(snakemake) as provenance:
    catalogue = snakemake.output["catalogue"].removesuffix(".ecsv")
    run(
        Join(snakemake.input["found"], snakemake.params["cubes"], catalogue, snakemake.output["candidates"], provenance)
    )
