"""Train a network on products, or fine-tune it when the rule gives a checkpoint to start from."""

from pathlib import Path

from common import job

from cubefocus.jobs.train import train_network
from cubefocus.ranks import launch_torchrun

with job(snakemake) as provenance:
    request = {
        "network": snakemake.wildcards.get("network", "deep_gru"),
        "train": [*snakemake.input.train],
        "validation": [*snakemake.input.validation],
        "model": snakemake.output.model,
        "start": snakemake.input.get("start"),
        "models": snakemake.params.models,
        "settings": snakemake.params.settings,
        "seed": snakemake.params.seed,
        "provenance": provenance,
    }
    gpus = snakemake.resources.get("gpu", 1)
    if gpus > 1:
        launch_torchrun(train_network, request, gpus, Path(snakemake.output.model))
    else:
        train_network(request)
