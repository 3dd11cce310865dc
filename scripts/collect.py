"""Join the tables of all batches, each output from the inputs of its name."""

from cubefocus.jobs.collect import Collect, run
from cubefocus.workflow.script import job

with job(snakemake) as provenance:
    run(Collect({path: [*snakemake.input[name]] for name, path in snakemake.output.items()}, provenance))
