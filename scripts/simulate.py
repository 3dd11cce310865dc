"""Simulate one batch of cubes; a killed or failed batch goes on with the cubes that are missing."""

import shutil
from pathlib import Path

from common import job, spread

from cubefocus.errors import CubefocusError
from cubefocus.files import atomic_path, read_table
from cubefocus.jobs.simulate import simulate
from cubefocus.sky.catalogue import cube_list

with job(snakemake) as provenance:
    cubes = cube_list(read_table(snakemake.input.catalogue))
    ids = [cube["cube_id"] for cube in cubes if cube["split"] == snakemake.wildcards.split]
    first = int(snakemake.wildcards.batch) * snakemake.params.batch_size
    ids = ids[first : first + snakemake.params.batch_size]
    if not ids:
        raise CubefocusError(f"{snakemake.input.catalogue} has no cubes for this batch; delete it and run again")
    request = {
        "catalogue": snakemake.input.catalogue,
        "cube_ids": ids,
        "out_dir": snakemake.output.cubes,
        "workers": snakemake.threads,
        "responses": snakemake.input.get("responses") or None,
        "facts": {key: provenance[key] for key in ("experiment", "seed", "config")},
    }
    for name in ("observation", "noise", "box", "engine", "cut", "compress"):
        request[name] = snakemake.params.get(name)
    spread(snakemake, simulate, request, snakemake.output.cubes)
    for name, output in (("truth.ecsv", snakemake.output.truth), ("products.h5", snakemake.output.products)):
        with atomic_path(output) as temporary:
            shutil.copyfile(Path(snakemake.output.cubes) / name, temporary)
