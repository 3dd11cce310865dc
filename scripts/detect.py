"""Run the detection chain on one batch of test cubes."""

from common import job, spread

from cubefocus.jobs.detect import detect

with job(snakemake) as provenance:
    request = {name: snakemake.output[name] for name in ("products", "catalogue", "candidates", "time")}
    request |= {"cubes": snakemake.input.cubes, "bundle": snakemake.input.bundle, "provenance": provenance}
    request |= {"inverted": snakemake.params.inverted}
    spread(snakemake, detect, request, request["products"])
