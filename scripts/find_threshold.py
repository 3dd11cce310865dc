"""Find sources by a threshold on the integrated dirty image, tuned on the validation split: the trivial baseline."""

from common import job

from cubefocus.data.products import integrated_images
from cubefocus.evaluate.settings import EvaluationSettings
from cubefocus.find import threshold
from cubefocus.find.interface import find_all
from cubefocus.find.tune import tune
from cubefocus.io import read_table, write_table

with job(snakemake) as provenance:
    truth = read_table(snakemake.input.truth)
    validation = truth[truth["split"] == "validation"]
    settings = EvaluationSettings.from_mapping(snakemake.params.evaluation)
    tuned = tune(
        threshold.find, integrated_images(snakemake.input.validation, "dirty"), validation, threshold.GRID, settings
    )
    found = find_all(threshold.find, integrated_images(snakemake.input.test, "dirty").items(), tuned.parameters)
    write_table(snakemake.output.catalogue, found, provenance | {"parameters": tuned.parameters})
    write_table(snakemake.output.tuning, tuned.scores, provenance)
