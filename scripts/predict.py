"""Cut products of one batch out with predicted parameters, for fine-tuning the next network."""

from common import cubes_of, job, networks

from cubefocus.data.products import write_products
from cubefocus.detect.chain import Chain
from cubefocus.detect.pairs import training_pairs
from cubefocus.evaluate.settings import EvaluationSettings
from cubefocus.io import read_cube, read_table

with job(snakemake) as provenance:
    ids, dirty, sky = zip(*cubes_of(snakemake.input.cubes), strict=True)
    pairs = training_pairs(
        Chain.load(networks(snakemake.input), snakemake.params.detection, "auto"),
        snakemake.rule.removeprefix("predict_"),
        [read_cube(path) for path in dirty],
        [read_cube(path).data for path in sky],
        ids,
        read_table(snakemake.input.truth),
        EvaluationSettings.from_mapping(snakemake.params.evaluation).criterion(with_line=True),
    )
    write_products(snakemake.output.products, pairs, provenance)
