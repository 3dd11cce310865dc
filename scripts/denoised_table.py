"""Tables of the methods to denoise."""

from pathlib import Path

from cubefocus.jobs.denoised_table import DenoisedTable, run
from cubefocus.workflow.script import job

with job(snakemake) as provenance:
    given, tables = snakemake.input, Path(snakemake.output.csv[0]).parent
    run(DenoisedTable([*given.scores], [*given.seams], str(tables), provenance))
