"""Train a network, or fine-tune it; torchrun joins several processes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cubefocus.alma.training_products import load_products
from cubefocus.learn.finetune import finetune
from cubefocus.learn.loop import fit
from cubefocus.learn.task import make_task
from cubefocus.settings import TrainingSettings


@dataclass(frozen=True)
class Train:
    """A network to train.

    Attributes
    ----------
    network : str
    train, validation : list of str
        Files of training products.
    model : str
        Checkpoint to write.
    models, settings : mapping
        Config section ``models``, as far as the network depends on it, and the network's own of the trainings.
    seed : int
    start : str, optional
        Checkpoint to fine-tune.
    code : str, optional
        Digest of the code that trains: with another one, a training that was killed starts anew.
    provenance : mapping
    """

    network: str
    train: list[str]
    validation: list[str]
    model: str
    models: Mapping[str, Any]
    settings: Mapping[str, Any]
    seed: int
    start: str | None = None
    code: str | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)


def run(job: Train) -> None:
    """Train a network on products, or fine-tune it.

    Raises
    ------
    CubefocusError
        As `cubefocus.learn.loop.fit`, or if the products cannot be read.
    """
    task = make_task(job.network, job.models)
    train, validation = (load_products(paths, task.keys) for paths in (job.train, job.validation))
    settings = TrainingSettings.from_mapping(job.settings)
    options: dict[str, Any] = {"seed": job.seed, "provenance": job.provenance, "code": job.code}
    if job.start is not None:
        finetune(task, train, validation, settings, job.model, job.start, **options)
    else:
        fit(task, train, validation, settings, job.model, **options)
