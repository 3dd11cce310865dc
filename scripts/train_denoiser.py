"""Train a network of the denoising study on tiles of images."""

from cubefocus.jobs.train_denoiser import TrainDenoiser, run
from cubefocus.ranks import launch_torchrun
from cubefocus.workflow.script import job

with job(snakemake) as provenance:
    params, gpus = snakemake.params, snakemake.resources.get("gpu", 1)
    task = TrainDenoiser(
        network=snakemake.wildcards.network,
        observed={"train": params.train, "validation": params.validation},
        model=snakemake.output.model,
        provenance=provenance,
        **{name: params[name] for name in ("skies", "tile", "options", "settings", "seed", "code")},
    )
    if gpus > 1:
        launch_torchrun(run, task, gpus, task.model)
    else:
        run(task)
