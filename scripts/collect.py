"""Join the tables of all batches, and write the merged config beside them."""

import yaml
from astropy.table import vstack
from common import job

from cubefocus.io import atomic_path, read_table, write_table

with job(snakemake) as provenance:
    for name in ("truth", "catalogue", "candidates"):
        tables = [read_table(path) for path in snakemake.input[name]]
        cubes = [cube for table in tables for cube in table.meta.get("cubes", [])]
        filled = [table for table in tables if len(table)] or tables[:1]
        for table in filled:
            table.meta.clear()
        joined = vstack(filled, join_type="outer")
        if cubes:
            joined.meta["cubes"] = cubes
        write_table(snakemake.output[name], joined, provenance)
    with atomic_path(snakemake.output.config) as temporary:
        temporary.write_text(yaml.safe_dump(dict(snakemake.params.config), sort_keys=False))
