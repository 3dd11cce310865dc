"""Observe skies: with noise, or by LOFAR."""

from common import job

from cubefocus.jobs.observe import Observe, run

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
