"""Clean those cubes of a batch that a finder will search; a killed or failed job goes on with what is missing."""

from common import job

from cubefocus.files import read_table
from cubefocus.find.cubes import drawn_ids
from cubefocus.instrument.observation import Observation
from cubefocus.jobs.clean import clean_batch
from cubefocus.timing import Clock

with job(snakemake) as provenance:
    truth = read_table(snakemake.input.truth)
    wanted = [cube["cube_id"] for cube in truth.meta["cubes"] if cube["split"] == snakemake.wildcards.split]
    if snakemake.wildcards.split == "validation":
        wanted = drawn_ids(wanted, snakemake.params.tuning_cubes, snakemake.params.seed)
    clock = Clock()
    clean_batch(
        snakemake.input.cubes,
        wanted,
        Observation.list_from_mapping(snakemake.params.observation),
        snakemake.input.responses,
        snakemake.output.images,
        provenance,
        workers=snakemake.threads,
        clock=clock,
    )
    clock.write(snakemake.output.time)
