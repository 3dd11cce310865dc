"""Train the network of the search on images that are drawn as it learns."""

from cubefocus.jobs.train_proposer import TrainProposer, run
from cubefocus.workflow.script import job

with job(snakemake) as provenance:
    params = snakemake.params
    run(
        TrainProposer(
            responses=[*snakemake.input.responses],
            model=snakemake.output.model,
            provenance=provenance,
            **{name: params[name] for name in ("setups", "draws", "network", "settings", "seed", "code")},
        )
    )
