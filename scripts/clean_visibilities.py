"""Clean a Measurement Set."""

from cubefocus.jobs.clean_visibilities import CleanVisibilities, run
from cubefocus.workflow.script import job

with job(snakemake) as provenance:
    params = {name: snakemake.params[name] for name in ("settings", "size", "cell_arcsec", "windows", "field_id")}
    run(
        CleanVisibilities(
            snakemake.input.ms,
            **{name: snakemake.output[name] for name in ("image", "residual", "times")},
            weighting=snakemake.wildcards.weighting,
            **params,
            log=snakemake.log.casa,
            provenance=provenance,
        )
    )
