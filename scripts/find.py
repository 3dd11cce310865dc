"""Search the test cubes with one of the other finders, its parameters chosen on the validation split."""

from dataclasses import replace

from common import job

from cubefocus.data.products import integrated_images
from cubefocus.evaluate.settings import EvaluationSettings
from cubefocus.find.cubes import DrawnCubes, StoredCubes
from cubefocus.find.registry import get_entry
from cubefocus.find.run import tune_and_find
from cubefocus.io import read_table, write_table

with job(snakemake) as provenance:
    entry = get_entry(snakemake.wildcards.method)
    validation, test = (
        StoredCubes(paths) if entry.kind == "cube" else integrated_images(paths, "dirty")
        for paths in (snakemake.input.validation, snakemake.input.test)
    )
    if isinstance(test, StoredCubes):
        entry = replace(entry, grid={**entry.grid, "beam_area": (test.beam_area,)})
    if entry.slow:
        validation = DrawnCubes(validation, snakemake.params.tuning_cubes, snakemake.params.seed)
    truth = read_table(snakemake.input.truth)
    settings = EvaluationSettings.from_mapping(snakemake.params.evaluation)
    found, scores = tune_and_find(entry, validation, test, truth[truth["split"] == "validation"], settings)
    write_table(snakemake.output.catalogue, found, provenance)
    write_table(snakemake.output.scores, scores, provenance)
