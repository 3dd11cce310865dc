"""Score what was found in the test cubes: tables and figures."""

from pathlib import Path

from common import job

from cubefocus.data.products import integrated_images
from cubefocus.detect.products import read_probability
from cubefocus.detect.settings import DetectionSettings
from cubefocus.evaluate.experiment import Experiment
from cubefocus.evaluate.figures.style import save_figure
from cubefocus.evaluate.render import write_table
from cubefocus.evaluate.settings import EvaluationSettings
from cubefocus.io import read_table

with job(snakemake) as provenance:
    truth = read_table(snakemake.input.truth)
    scores = [read_table(path) for path in snakemake.input.scores]
    experiment = Experiment(
        truth=truth[truth["split"] == "test"],
        catalogue=read_table(snakemake.input.catalogue),
        candidates=read_table(snakemake.input.candidates),
        found=dict(zip(snakemake.params.finders, map(read_table, snakemake.input.found), strict=True)),
        scores=dict(zip(snakemake.params.finders, scores, strict=True)),
        dirty=integrated_images(snakemake.input.images, "dirty"),
        sky=integrated_images(snakemake.input.images, "sky"),
        probability=read_probability(snakemake.input.products),
        settings=EvaluationSettings.from_mapping(snakemake.params.evaluation),
        blobs=DetectionSettings.from_mapping(snakemake.params.detection).blobs,
        seed=snakemake.params.seed,
    )
    for name, table in experiment.tables().items():
        write_table(table, Path(snakemake.output.csv[0]).with_name(name), provenance)
    for name, figure in experiment.figures(snakemake.input.products):
        save_figure(figure, Path(snakemake.output.png[0]).with_name(name), provenance)
