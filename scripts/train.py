"""Train a network on products, or fine-tune it when the rule gives a checkpoint to start from."""

from common import job

from cubefocus.data.products import load_products
from cubefocus.train.loop import fit
from cubefocus.train.settings import Settings
from cubefocus.train.tasks import make_task

with job(snakemake) as provenance:
    network = snakemake.wildcards.get("network", "deep_gru")
    task = make_task(network, snakemake.params.models)
    fit(
        task,
        load_products(snakemake.input.train, task.keys),
        load_products(snakemake.input.validation, task.keys),
        Settings.from_mapping(snakemake.params.settings),
        snakemake.output.model,
        start=snakemake.input.get("start"),
        seed=snakemake.params.seed,
        provenance=provenance,
    )
