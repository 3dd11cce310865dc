"""Make the bundle of the residual networks."""

from cubefocus.jobs.bundle_denoiser import BundleDenoiser, run
from cubefocus.workflow.script import job

with job(snakemake) as provenance:
    given, params = snakemake.input, snakemake.params
    run(
        BundleDenoiser(
            models=dict(zip(params.kinds, given.models, strict=True)),
            observed=dict(zip(params.kinds, given.observed, strict=True)),
            table=given.table,
            bundle=snakemake.output.bundle,
            provenance=provenance,
            **{name: params[name] for name in ("images", "observation", "simulated", "seed")},
        )
    )
