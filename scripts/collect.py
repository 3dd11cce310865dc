"""Join the tables of all batches, each output from the inputs of its name."""

from common import job

from cubefocus.jobs.collect import Collect, run

with job(snakemake) as provenance:
    run(Collect({path: [*snakemake.input[name]] for name, path in snakemake.output.items()}, provenance))
