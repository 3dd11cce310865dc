"""Read the visibilities of a Measurement Set."""

from cubefocus.jobs.visibilities import ReadVisibilities, run
from cubefocus.workflow.script import job

with job(snakemake) as provenance:
    params = {name: snakemake.params[name] for name in ("size", "cell_arcsec", "windows", "field_id")}
    run(
        ReadVisibilities(
            snakemake.input.ms,
            snakemake.output.visibilities,
            **params,
            log=snakemake.log.casa,
            provenance=provenance,
        )
    )
