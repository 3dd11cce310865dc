"""Simulate one batch of cubes; a killed or failed batch goes on with the cubes that are missing."""

import shutil

from common import job

from cubefocus.errors import CubefocusError
from cubefocus.io import atomic_path, read_table
from cubefocus.observe.batch import simulate_batch
from cubefocus.observe.setup import Observation
from cubefocus.sky.catalogue import cube_list, select

with job(snakemake) as provenance:
    catalogue = read_table(snakemake.input.catalogue)
    ids = [cube["cube_id"] for cube in cube_list(catalogue) if cube["split"] == snakemake.wildcards.split]
    first = int(snakemake.wildcards.batch) * snakemake.params.batch_size
    ids = ids[first : first + snakemake.params.batch_size]
    if not ids:
        raise CubefocusError(f"{snakemake.input.catalogue} has no cubes for this batch; delete it and run again")
    folder = simulate_batch(
        select(catalogue, ids),
        Observation.list_from_mapping(snakemake.params.observation),
        snakemake.params.noise,
        snakemake.params.box,
        snakemake.output.cubes,
        workers=snakemake.threads,
        engine=snakemake.params.engine,
        responses=snakemake.input.get("responses") or None,
        facts={key: provenance[key] for key in ("experiment", "seed", "config")},
    )
    with atomic_path(snakemake.output.truth) as temporary:
        shutil.copyfile(folder / "truth.ecsv", temporary)
