"""Make the bundle of the network of the search."""

from cubefocus.jobs.bundle_proposer import BundleProposer, run
from cubefocus.workflow.script import job

with job(snakemake) as provenance:
    given, params = snakemake.input, snakemake.params
    run(
        BundleProposer(
            responses=[*given.responses],
            bundle=snakemake.output.bundle,
            provenance=provenance,
            **{name: given[name] for name in ("model", "choice", "table")},
            **{name: params[name] for name in ("setups", "draws", "training")},
        )
    )
