"""Tables of the methods to denoise."""

from pathlib import Path

from common import job

from cubefocus.jobs.denoised_table import DenoisedTable, run

with job(snakemake) as provenance:
    given, tables = snakemake.input, Path(snakemake.output.csv[0]).parent
    run(DenoisedTable([*given.scores], [*given.seams], str(tables), provenance))
