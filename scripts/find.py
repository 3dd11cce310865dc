"""Search the test cubes with one of the other finders, its parameters chosen on the validation split."""

from dataclasses import replace

from common import job

from cubefocus.alma.training_products import integrated_images
from cubefocus.files import read_table, write_table
from cubefocus.find.cubes import DrawnCubes, InvertedImages, StoredCubes, cleaned_images, refuse_missing
from cubefocus.find.registry import get_entry
from cubefocus.find.run import tune_and_find
from cubefocus.settings import EvaluationSettings

READERS = {
    "image": lambda paths: integrated_images(paths, "dirty"),
    "map": lambda paths: integrated_images(paths, "map"),
    "cleaned": cleaned_images,
    "cube": StoredCubes,
}

with job(snakemake) as provenance:
    entry, seed = get_entry(snakemake.wildcards.method), snakemake.params.seed
    validation, test = (READERS[entry.kind](paths) for paths in (snakemake.input.validation, snakemake.input.test))
    truth = read_table(snakemake.input.truth)
    refuse_missing(test, truth, "test")
    negative = integrated_images(snakemake.input.test, "inverted") if entry.kind == "map" else InvertedImages(test)
    if isinstance(test, StoredCubes):
        entry = replace(entry, grid={**entry.grid, "beam_area": (test.beam_area,)})
    if entry.slow:
        validation = DrawnCubes(validation, snakemake.params.tuning_cubes, seed)
        negative = DrawnCubes(negative, snakemake.params.inverted_cubes, seed)
    settings = EvaluationSettings.from_mapping(snakemake.params.evaluation)
    outcome = tune_and_find(entry, validation, test, negative, truth[truth["split"] == "validation"], settings)
    write_table(snakemake.output.catalogue, outcome.found, provenance)
    write_table(snakemake.output.inverted, outcome.inverted, provenance)
    write_table(snakemake.output.scores, outcome.scores, provenance)
    outcome.clock.write(snakemake.output.time)
