"""Score what was found in the test cubes: tables and figures."""

from pathlib import Path

from common import job

from cubefocus.alma.detection_products import read_probability
from cubefocus.alma.training_products import integrated_images
from cubefocus.files import read_table
from cubefocus.find.cubes import clean_beam, cleaned_images
from cubefocus.instrument.observation import Observation
from cubefocus.instrument.response import primary_beam_of
from cubefocus.report.experiment import BLOBS, Experiment, Other
from cubefocus.report.figures.style import save_figure
from cubefocus.report.render import write_table
from cubefocus.report.shown import Cleaned
from cubefocus.settings import DetectionSettings, EvaluationSettings

with job(snakemake) as provenance:
    given, truth = snakemake.input, read_table(snakemake.input.truth)
    observations = Observation.list_from_mapping(snakemake.params.observation)
    seeds = {cube["cube_id"]: cube["noise_seed"] for cube in truth.meta["cubes"]}
    tables = zip(*(map(read_table, given[kind]) for kind in ("found", "inverted", "scores")), strict=True)
    maps = {network: integrated_images(given[network], "map") for network in snakemake.params.map_finders}
    cleaned = None
    if given.cleaned:
        cleaned = Cleaned(
            cleaned_images(given.cleaned),
            clean_beam(given.cleaned),
            lambda cube: primary_beam_of(given.responses, observations, seeds[cube]),
        )
    experiment = Experiment(
        truth=truth[truth["split"] == "test"],
        catalogue=read_table(given.catalogue),
        candidates=read_table(given.candidates),
        inverted_catalogue=read_table(given.inverted_catalogue),
        inverted_candidates=read_table(given.inverted_candidates),
        others={name: Other(*three) for name, three in zip(snakemake.params.finders, tables, strict=True)},
        dirty=integrated_images(given.images, "dirty"),
        sky=integrated_images(given.images, "sky"),
        maps={BLOBS: read_probability(given.products), **maps},
        cleaned=cleaned,
        image_size=snakemake.params.image_size,
        settings=EvaluationSettings.from_mapping(snakemake.params.evaluation),
        blobs=DetectionSettings.from_mapping(snakemake.params.detection).blobs,
        seed=snakemake.params.seed,
    )
    for name, table in experiment.tables().items():
        write_table(table, Path(snakemake.output.csv[0]).with_name(name), provenance)
    for name, figure in experiment.figures(given.products):
        save_figure(figure, Path(snakemake.output.png[0]).with_name(name), provenance)
