"""Cut products of one batch out with predicted parameters, for fine-tuning the next network."""

from common import job, networks, read_by_parts

from cubefocus.data.products import concatenate, write_products
from cubefocus.detect.chain import Chain
from cubefocus.detect.pairs import training_pairs
from cubefocus.evaluate.settings import EvaluationSettings
from cubefocus.io import read_table
from cubefocus.observe.batch import sky_of
from cubefocus.observe.setup import Observation
from cubefocus.provenance import hardware

with job(snakemake) as provenance:
    chain = Chain.load(networks(snakemake.input), snakemake.params.detection, "auto")
    provenance["hardware"] = hardware(chain.device)
    stage = snakemake.rule.removeprefix("predict_")
    truth = read_table(snakemake.input.truth)
    observations = Observation.list_from_mapping(snakemake.params.observation)
    criterion = EvaluationSettings.from_mapping(snakemake.params.evaluation).criterion(with_line=True)
    parts = []
    for ids, cubes in read_by_parts(snakemake.input.cubes):
        skies = [sky_of(truth, cube_id, observations) for cube_id in ids] if stage == "blobs" else []
        parts.append(training_pairs(chain, stage, cubes, skies, ids, truth, criterion))
    write_products(snakemake.output.products, concatenate(parts), provenance)
