"""Run the detection chain on one batch of test cubes."""

from cubefocus.jobs.detect import Detect, run
from cubefocus.workflow.script import job, spread

with job(snakemake) as provenance:
    made = {name: snakemake.output[name] for name in ("catalogue", "candidates", "products", "time")}
    task = Detect(
        cubes=snakemake.input.cubes,
        bundle=snakemake.input.bundle,
        inverted=snakemake.params.inverted,
        provenance=provenance,
        **made,
    )
    spread(snakemake, run, task, task.products)
