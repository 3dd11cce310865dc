"""Train a network to see the sky behind tiles of images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cubefocus.denoise.products import products
from cubefocus.learn.loop import fit
from cubefocus.settings.networks import TrainingSettings
from cubefocus.specs import DENOISERS, load


@dataclass(frozen=True)
class TrainDenoiser:
    """A training.

    Attributes
    ----------
    network : str
        One of `cubefocus.specs.DENOISERS`.
    observed, skies : mapping of str to sequence of str
        Folders of images of the splits ``train`` and ``validation``, and of the skies behind them, in the same order.
    model : str
        Checkpoint to write.
    tile : int
        Side of the tiles, px.
    options, settings : mapping
        Config sections of the network and of its training.
    seed : int
    code : str, optional
        Digest of the code that trains: with another one, a training that was killed starts anew.
    provenance : mapping
    """

    network: str
    observed: Mapping[str, Sequence[str]]
    skies: Mapping[str, Sequence[str]]
    model: str
    tile: int
    options: Mapping[str, Any]
    settings: Mapping[str, Any]
    seed: int
    code: str | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)


def run(job: TrainDenoiser) -> None:
    """Train the network.

    Raises
    ------
    CubefocusError
        As `cubefocus.learn.loop.fit`, or if an image cannot be read.
    """
    task = load(DENOISERS[job.network])(**job.options)
    train, validation = (products(job.observed[split], job.skies[split], job.tile) for split in ("train", "validation"))
    settings = TrainingSettings.from_mapping(job.settings)
    fit(task, train, validation, settings, job.model, seed=job.seed, code=job.code, provenance=job.provenance)
