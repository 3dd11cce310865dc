"""Prediction with trained networks: arrays in, values in their units out, in batches on the device of the network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from cubefocus.learn.checkpoint import load_model
from cubefocus.learn.distributed import deterministic, pick_device
from cubefocus.learn.task import Task, as_outputs, make_task


@dataclass(frozen=True)
class Trained:
    """A network with its weights, and the task that says what it takes and what its outputs mean.

    Attributes
    ----------
    model : nn.Module
        In evaluation mode, on the device where it computes.
    task : Task
    arguments, normalisation : mapping
        Of the network's constructor, and what the training data fixed.
    provenance : mapping
        How it was trained.
    """

    model: nn.Module
    task: Task
    arguments: Mapping[str, Any]
    normalisation: Mapping[str, Any]
    provenance: Mapping[str, Any]

    @classmethod
    def of(cls, model: nn.Module, description: Mapping[str, Any]) -> Trained:
        """From a network and what its checkpoint or bundle says of it."""
        facts = (description.get("arguments", {}), description["normalisation"], description.get("provenance", {}))
        return cls(model, make_task(description["task"]), *facts)

    @classmethod
    def load(cls, path: str | Path, device: str = "auto") -> Trained:
        """From a checkpoint; errors as `cubefocus.learn.checkpoint.load_model`."""
        return cls.of(*load_model(path, pick_device(device)))

    def predict(self, arrays: Mapping[str, np.ndarray], scaled: bool = False) -> dict[str, np.ndarray]:
        """What the network says of raw arrays.

        Parameters
        ----------
        arrays : mapping of str to ndarray, each of shape (n, ...)
            What the network sees, by the name of the training products' dataset (``task.keys[0]``).
        scaled : bool
            Whether they are in the network's range already: a tile of an image is scaled with the whole of it.

        Returns
        -------
        dict of ndarray of float32, each of shape (n, ...)
            As the task's ``decode`` gives them. The same bits twice on the same machine, on a GPU too.

        Raises
        ------
        CubefocusError
            If the network cannot take these arrays.
        """
        self.task.check(self.arguments, arrays)
        device = next(self.model.parameters()).device
        tensors = {key: torch.from_numpy(np.ascontiguousarray(each, dtype=np.float32)) for key, each in arrays.items()}
        parts = zip(*(each.split(self.task.samples_at_once) for each in tensors.values()), strict=True)
        made = []
        with torch.inference_mode(), deterministic(device):
            for part in parts:  # of no samples there is one part, of none: it gives the outputs their shapes
                batch = {key: each.to(device) for key, each in zip(tensors, part, strict=True)}
                made.append(self._say(batch, scaled))
        return {name: np.concatenate([each[name] for each in made]) for name in made[0]}

    def _say(self, batch: Mapping[str, torch.Tensor], scaled: bool) -> dict[str, np.ndarray]:
        inputs = self.task.prepare(batch, scaled)
        if inputs.ndim == 4:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        decoded = self.task.decode(as_outputs(self.model(inputs)), batch, self.normalisation)
        return {name: value.float().cpu().numpy() for name, value in decoded.items()}
