"""Search one batch of test cubes with one of the other finders; a killed job goes on with what is missing."""

from cubefocus.find.own import SetUps
from cubefocus.jobs.find import Find, run
from cubefocus.workflow.script import job

with job(snakemake) as provenance:
    run(
        Find(
            method=snakemake.wildcards.method,
            searched=snakemake.input.searched,
            truth=snakemake.input.truth,
            choice=snakemake.input.choice,
            setups=SetUps.of_rule(snakemake),
            found=snakemake.output.found,
            code=snakemake.params.code,
            provenance=provenance,
        )
    )
