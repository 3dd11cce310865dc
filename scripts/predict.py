"""Cut products of one batch out with predicted parameters, for fine-tuning the next network."""

from cubefocus.jobs.predict import Predict, run
from cubefocus.workflow.script import job, networks, spread

with job(snakemake) as provenance:
    task = Predict(
        stage=snakemake.rule.removeprefix("predict_"),
        cubes=snakemake.input.cubes,
        truth=snakemake.input.truth,
        networks=networks(snakemake.input),
        detection=snakemake.params.detection,
        observation=snakemake.params.observation,
        evaluation=snakemake.params.evaluation,
        products=snakemake.output.products,
        provenance=provenance,
    )
    spread(snakemake, run, task, task.products)
