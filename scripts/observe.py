"""Observe skies: with noise, or by LOFAR."""

from cubefocus.jobs.observe import Observe, run
from cubefocus.workflow.script import job

with job(snakemake) as provenance:
    params = snakemake.params
    run(
        Observe(
            dataset=snakemake.wildcards.dataset,
            skies=snakemake.input.skies,
            observed=snakemake.output.observed,
            provenance=provenance,
            **{name: params[name] for name in ("cell_arcsec", "observation", "seed")},
        )
    )
