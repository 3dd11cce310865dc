"""Cut products of one batch out with predicted parameters, for fine-tuning the next network."""

from common import job, networks, spread

from cubefocus.jobs.detect import predict
from cubefocus.settings import EvaluationSettings

with job(snakemake) as provenance:
    request = {
        "stage": snakemake.rule.removeprefix("predict_"),
        "cubes": snakemake.input.cubes,
        "truth": snakemake.input.truth,
        "networks": networks(snakemake.input),
        "products": snakemake.output.products,
        "detection": snakemake.params.detection,
        "observation": snakemake.params.observation,
        "criterion": EvaluationSettings.from_mapping(snakemake.params.evaluation).criterion(with_line=True),
        "provenance": provenance,
    }
    spread(snakemake, predict, request, request["products"])
