"""Run the detection chain on one batch of test cubes."""

from common import job, networks, spread

from cubefocus.jobs.detect import Detect, run

with job(snakemake) as provenance:
    made = {name: snakemake.output[name] for name in ("catalogue", "candidates", "products", "time")}
    task = Detect(
        cubes=snakemake.input.cubes,
        networks=networks(snakemake.input),
        detection=snakemake.params.detection,
        inverted=snakemake.params.inverted,
        provenance=provenance,
        **made,
    )
    spread(snakemake, run, task, task.products)
