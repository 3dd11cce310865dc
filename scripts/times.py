"""Table 4: what a cube took in each stage of the chain and with each of the other finders."""

from pathlib import Path

from common import job

from cubefocus.report.render import write_table
from cubefocus.report.tables.times import times_table
from cubefocus.timing import Clock


def took(method: str) -> Clock:
    """What all records of a method say together."""
    return Clock.joined(map(Clock.read, snakemake.input[method]))


with job(snakemake) as provenance:
    table = times_table(took("chain"), {method: took(method) for method in snakemake.params.finders})
    write_table(table, Path(snakemake.output.csv).with_suffix(""), provenance)
