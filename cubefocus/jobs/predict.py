"""Cut the products of one batch out with predicted parameters, for fine-tuning the next network."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any

from cubefocus.alma.folder import read_part
from cubefocus.alma.pairs import training_pairs
from cubefocus.alma.training_products import Products, concatenate, write_products
from cubefocus.files import read_table
from cubefocus.instrument.observation import Observation
from cubefocus.jobs.parts import Part, chain_of, facts_of, name_of, over_parts
from cubefocus.ranks import at_work
from cubefocus.settings import EvaluationSettings
from cubefocus.sky.model import sky_of


@dataclass(frozen=True)
class Predict:
    """A batch to cut products out of.

    Attributes
    ----------
    stage : {"blobs", "lines", "morphology"}
        What is predicted, as `cubefocus.alma.pairs.training_pairs` takes it.
    cubes : str
        Folder of the batch.
    truth : str
        Its truth table.
    networks : mapping from name to str
        Checkpoints.
    detection, observation, evaluation : mapping
        Config sections; of the last one what decides which predictions match a true source.
    products : str
        File to write.
    provenance : mapping
    """

    stage: str
    cubes: str
    truth: str
    networks: Mapping[str, str]
    detection: Mapping[str, Any]
    observation: Mapping[str, Any]
    evaluation: Mapping[str, Any]
    products: str
    provenance: Mapping[str, Any] = field(default_factory=dict)


def run(job: Predict, executor: Executor | None = None) -> None:
    """Predict, and cut out.

    Parameters
    ----------
    job : Predict
    executor : concurrent.futures.Executor, optional
        Its processes must see the same file system.

    Raises
    ------
    CubefocusError
        If a cube or a network cannot be read or used.
    """
    parts = [*over_parts(_predict_part, job, executor)]
    write_products(job.products, concatenate(parts), facts_of(job.provenance))


def _predict_part(job: Predict, part: Part) -> Products:
    with at_work(name_of(part)):
        truth = read_table(job.truth)
        observations = Observation.list_from_mapping(job.observation)
        criterion = EvaluationSettings.from_mapping(job.evaluation).criterion(with_line=True)
        ids, cubes = read_part(part)
        skies = [sky_of(truth, cube_id, observations) for cube_id in ids] if job.stage == "blobs" else []
        return training_pairs(chain_of(job.networks, job.detection), job.stage, cubes, skies, ids, truth, criterion)
