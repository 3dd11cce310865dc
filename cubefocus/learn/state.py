"""What changes while a network is trained: how it begins, is kept, and goes on after a kill."""

from __future__ import annotations

import csv
import logging
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from cubefocus.errors import CubefocusError
from cubefocus.files import atomic_path
from cubefocus.learn import checkpoint
from cubefocus.learn.task import Task
from cubefocus.provenance import digest, hardware
from cubefocus.settings import TrainingSettings

logger = logging.getLogger(__name__)


@dataclass
class Training:
    """A network between two epochs.

    Attributes
    ----------
    model, optimiser
    generator : torch.Generator
        Draws the order of the samples and the augmentation; on the CPU, so that every device sees the same.
    description : dict
        What a checkpoint says about the network, fixed from the start.
    epoch, iteration : int
        Passes and steps done.
    history : list of dict
        The curves, one row an epoch.
    best : dict
        Lowest validation loss and its epoch.
    best_state : dict
        `snapshot` of that epoch.
    """

    model: nn.Module
    optimiser: torch.optim.Optimizer
    generator: torch.Generator
    description: dict[str, Any]
    epoch: int = 0
    iteration: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    best: dict[str, Any] = field(default_factory=lambda: {"loss": float("inf"), "epoch": -1})
    best_state: dict[str, Any] = field(default_factory=dict)

    def snapshot(self) -> dict[str, Any]:
        """Copy of everything that training would go on from, on the CPU."""
        return {
            "model": _copy(self.model.state_dict()),
            "optimiser": _copy(self.optimiser.state_dict()),
            "epoch": self.epoch,
            "iteration": self.iteration,
            "random": self.generator.get_state(),
        }

    def record(self, row: dict[str, float]) -> None:
        """Add an epoch's curves, and keep the weights if their validation loss is the lowest so far."""
        if row["valid_loss"] < self.best["loss"]:
            self.best = {"loss": row["valid_loss"], "epoch": self.epoch}
            self.best_state = self.snapshot()
        self.history.append({"epoch": self.epoch, **row, "best_loss": self.best["loss"]})

    def finish(self, out: Path) -> None:
        """Write the checkpoint of the best epoch and the curves."""
        checkpoint.save(out, {**self.description, **self.best_state, "best": self.best, "history": self.history})
        write_curves(out.with_suffix(".csv"), self.history)

    def suspend(self, path: Path, recipe: str) -> None:
        """Write the resume file."""
        progress = {"best": self.best, "best_state": self.best_state, "history": self.history, "recipe": recipe}
        checkpoint.save(path, {**self.description, **self.snapshot(), **progress})

    def resume(self, path: Path, recipe: str, epochs: int) -> None:
        """Go on from a killed or shorter run if it was made by the same recipe and is not past so many epochs.

        Raises
        ------
        CubefocusError
            If the file is damaged.
        """
        if not path.exists():
            return
        state = checkpoint.load(path)
        if state.get("recipe") != recipe:
            logger.warning("%s: made with other settings, data, seed or code; training starts from the beginning", path)
            return
        if state["epoch"] > epochs:
            logger.warning("%s: is past epoch %d; training starts from the beginning", path, epochs)
            return
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.generator.set_state(state["random"])
        self.epoch, self.iteration = state["epoch"], state["iteration"]
        self.history, self.best, self.best_state = state["history"], state["best"], state["best_state"]
        logger.info("%s: going on after epoch %d", path, self.epoch)


def begin(
    task: Task,
    data: Mapping[str, np.ndarray],
    settings: TrainingSettings,
    start: str | Path | None,
    seed: int,
    device: torch.device,
    provenance: Mapping[str, Any] | None,
) -> Training:
    """Fresh network and optimiser, or a fresh optimiser for the network of a checkpoint.

    Raises
    ------
    CubefocusError
        If the starting checkpoint cannot be used or is another task's.
    """
    name = zlib.crc32(task.name.encode())  # networks trained with one seed must not share their random numbers
    weights_seed, draws_seed = np.random.SeedSequence([seed, name, int(start is not None)]).generate_state(2)
    if start is None:
        arguments, normalisation = task.arguments(data), task.normalisation(data)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(weights_seed))
            model = checkpoint.build(task.network, arguments)
    else:
        state = checkpoint.load(start)
        if (state["task"], state["network"]) != (task.name, task.network):
            raise CubefocusError(
                f"{start}: holds the network '{state['task']}' ({state['network']}); "
                f"{task.name} ({task.network}) cannot start from it"
            )
        arguments, normalisation = state["arguments"], state["normalisation"]
        model = checkpoint.restore(state, start)
    checkpoint.channels_last(model).to(device)
    groups = _groups(model, settings.dense_rate)
    optimiser = torch.optim.Adam(groups, settings.learning_rate, weight_decay=settings.weight_decay, fused=True)
    description = {
        "task": task.name,
        "network": task.network,
        "arguments": arguments,
        "normalisation": normalisation,
        "settings": settings.to_dict(),
        "seed": seed,
        "provenance": {**(provenance or {}), "hardware": hardware(device)},
    }
    return Training(model, optimiser, torch.Generator().manual_seed(int(draws_seed)), description)


def _groups(model: nn.Module, dense_rate: float) -> list[dict[str, Any]]:
    """Parameters with the factor on their learning rate."""
    dense: list[nn.Parameter] = getattr(model, "dense", [])
    names = {id(parameter) for parameter in dense}
    others = [parameter for parameter in model.parameters() if id(parameter) not in names]
    groups: list[dict[str, Any]] = [{"params": others, "scale": 1.0}]
    return [*groups, {"params": dense, "scale": dense_rate}] if dense else groups


def recipe_of(
    training: Training,
    settings: TrainingSettings,
    start: str | Path | None,
    data: list[int],
    code: str,
    any_epochs: bool = False,
) -> str:
    """Digest of all that decides the weights; a resume file of another recipe is not used.

    ``code`` is the digest of the code that trains: a training must not go on from half of what other code made. With
    ``any_epochs`` their number does not count, for a training whose epochs are the same whatever it is.
    """
    facts = {key: training.description[key] for key in ("task", "arguments", "normalisation", "seed")}
    checksum = 0 if start is None else zlib.crc32(Path(start).read_bytes())
    decides = {key: value for key, value in settings.recipe.items() if not (any_epochs and key == "epochs")}
    return digest({**facts, "settings": decides, "start": checksum, "data": data, "code": code})


def write_curves(path: Path, history: list[dict[str, float]]) -> None:
    """Write the curves as CSV, one row an epoch."""
    with atomic_path(path) as temporary, open(temporary, "w", newline="") as stream:
        writer = csv.DictWriter(stream, list(history[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(history)


def _copy(value: Any) -> Any:
    """Deep copy of nested containers whose tensors go to the CPU."""
    if isinstance(value, Tensor):
        return value.detach().to("cpu", copy=True)
    if isinstance(value, Mapping):
        return {key: _copy(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_copy(each) for each in value]
    return value
