"""Train a network on products, or fine-tune it when the rule gives a checkpoint to start from."""

from common import job

from cubefocus.data.products import load_products
from cubefocus.train.finetune import finetune
from cubefocus.train.loop import fit
from cubefocus.train.settings import Settings
from cubefocus.train.tasks import make_task

with job(snakemake) as provenance:
    task = make_task(snakemake.wildcards.get("network", "deep_gru"), snakemake.params.models)
    train, validation = (load_products(snakemake.input[split], task.keys) for split in ("train", "validation"))
    settings = Settings.from_mapping(snakemake.params.settings)
    options = {"seed": snakemake.params.seed, "provenance": provenance}
    if start := snakemake.input.get("start"):
        finetune(task, train, validation, settings, snakemake.output.model, start, **options)
    else:
        fit(task, train, validation, settings, snakemake.output.model, **options)
