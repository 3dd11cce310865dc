"""Table 4: what a cube took in each stage of the chain and with each of the other finders."""

from cubefocus.jobs.times import Times, run
from cubefocus.report.methods import FITTED
from cubefocus.workflow.script import job

with job(snakemake) as provenance:
    finders = {FITTED: [*snakemake.input.fit]} | {name: [*snakemake.input[name]] for name in snakemake.params.finders}
    run(Times([*snakemake.input.chain], finders, snakemake.output.csv.removesuffix(".csv"), provenance))
