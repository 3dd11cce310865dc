"""Train a network on products, or fine-tune it when the rule gives a checkpoint to start from."""

from cubefocus.jobs.train import Train, run
from cubefocus.ranks import launch_torchrun
from cubefocus.workflow.script import job

with job(snakemake) as provenance:
    given, params, gpus = snakemake.input, snakemake.params, snakemake.resources.get("gpu", 1)
    task = Train(
        network=params.network,
        train=[*given.train],
        validation=[*given.validation],
        model=snakemake.output.model,
        start=given.get("start"),
        provenance=provenance,
        **{name: params[name] for name in ("models", "settings", "seed", "code")},
    )
    if gpus > 1:
        launch_torchrun(run, task, gpus, task.model)
    else:
        run(task)
