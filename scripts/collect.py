"""Join the tables of all batches, each output from the inputs of its name."""

from astropy.table import vstack
from common import job

from cubefocus.files import read_table, write_table

with job(snakemake) as provenance:
    for name, path in snakemake.output.items():
        tables = [read_table(part) for part in snakemake.input[name]]
        cubes = [cube for table in tables for cube in table.meta.get("cubes", [])]
        filled = [table for table in tables if len(table)] or tables[:1]
        for table in filled:
            table.meta.clear()
        joined = vstack(filled, join_type="outer")
        if cubes:
            joined.meta["cubes"] = cubes
        write_table(path, joined, provenance)
