"""Train the network of the search on images of windows of channels, drawn with the responses of many set-ups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cubefocus.general.draw import Drawer
from cubefocus.general.plane import Plane
from cubefocus.general.task import NUMBERS, ProposerTask
from cubefocus.instrument.observation import Observation
from cubefocus.instrument.response import open_response, response_folder
from cubefocus.learn.loop import fit
from cubefocus.settings import DrawSettings, ProposerShape, ProposerTraining


@dataclass(frozen=True)
class TrainProposer:
    """A training.

    Attributes
    ----------
    responses : sequence of str
        Cache of the response of each set-up.
    setups : sequence of mapping
        Observing set-ups, in the same order.
    model : str
        Checkpoint to write.
    draws, network, settings : mapping
        Config sections ``draws``, ``network`` and ``training``.
    seed : int
    code : str, optional
        Digest of the code that trains: with another one, a training that was killed starts anew.
    provenance : mapping
    """

    responses: Sequence[str]
    setups: Sequence[Mapping[str, Any]]
    model: str
    draws: Mapping[str, Any]
    network: Mapping[str, Any]
    settings: Mapping[str, Any]
    seed: int
    code: str | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)


def run(job: TrainProposer) -> None:
    """Train the network.

    Raises
    ------
    CubefocusError
        As `cubefocus.learn.loop.fit`, or if a response cannot be read.
    """
    drawer = Drawer(planes_of(job.setups, job.responses), DrawSettings.from_mapping(job.draws), job.seed)
    settings = ProposerTraining.from_mapping(job.settings)
    task = ProposerTask(drawer, ProposerShape.from_mapping(job.network))
    train, validation = (
        {NUMBERS: np.arange(number, dtype=np.float32)} for number in (settings.images, settings.validation_images)
    )
    options: dict[str, Any] = {"seed": job.seed, "provenance": job.provenance, "code": job.code}
    fit(task, train, validation, settings, job.model, **options)


def planes_of(setups: Sequence[Mapping[str, Any]], responses: Sequence[str]) -> list[Plane]:
    """The set-ups, each of its own cache."""
    planes = []
    for values, cache in zip(setups, responses, strict=True):
        observation = Observation.from_mapping(values)
        planes.append(Plane.of(open_response(response_folder(Path(cache), observation), observation)))
    return planes
