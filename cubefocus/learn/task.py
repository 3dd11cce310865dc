"""What training and prediction know of a network: its arrays, what goes in, what is asked, what it says."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from cubefocus.errors import CubefocusError
from cubefocus.settings import ModelsSettings
from cubefocus.specs import NETWORKS, load

Arrays = Mapping[str, Tensor]
Outputs = tuple[Tensor, ...]


class Task(ABC):
    """One network's problem; training and prediction know nothing else about the network.

    A network may have any number of outputs. What a batch goes through:

        raw arrays --augment--> raw arrays --prepare--> input --network--> outputs --decode--> values with units
                                    |---------targets---------> what the loss compares the outputs with

    Attributes
    ----------
    name : str
    network : str
        Class of the network.
    keys : tuple of str
        Datasets of the training products that the task reads; the first one is what the network sees.
    validation_weights : tuple of float
        Weights of the parts of the loss in validation, which do not move.
    samples_at_once : int
        In prediction.
    """

    name: str
    network: str
    keys: tuple[str, ...]
    validation_weights: ClassVar[tuple[float, float]] = (1.0, 0.0)
    samples_at_once: ClassVar[int] = 64

    @property
    @abstractmethod
    def augmentations(self) -> tuple[str, ...]:
        """Kinds that the task offers; the first one is taken for ``augment: true``."""

    def augmentation(self, choice: bool | str) -> str:
        """Name of the augmentation for a setting: true, false or a name.

        Raises
        ------
        CubefocusError
            If the task has no augmentation of that name.
        """
        if isinstance(choice, bool):
            return self.augmentations[0] if choice else "none"
        if choice not in ("none", *self.augmentations):
            known = ", ".join(("none", *self.augmentations))
            raise CubefocusError(f"training of {self.name}: augment is '{choice}'; give one of {known}")
        return choice

    @abstractmethod
    def arguments(self, data: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """Constructor arguments of the network, fitted to the training data."""

    def normalisation(self, data: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """Plain values that the training data fix and that prediction needs again."""
        return {}

    @abstractmethod
    def augment(self, arrays: Arrays, kind: str, u: Tensor) -> Arrays:
        """Raw arrays (b, ...) changed at random in the way that ``kind`` names, and cut to what the network sees.

        ``u`` holds uniform random numbers, shape (b, `cubefocus.learn.augment.N_RANDOM`).
        """

    @abstractmethod
    def prepare(self, arrays: Arrays, scaled: bool = False) -> Tensor:
        """Input of the network of raw arrays (b, ...), the same in training and in prediction.

        ``scaled`` arrays have been brought to the network's range already.
        """

    @abstractmethod
    def targets(self, arrays: Arrays, normalisation: Mapping[str, Any]) -> Outputs:
        """What the outputs of the network should be, in their order."""

    def batch(self, arrays: Arrays, normalisation: Mapping[str, Any], kind: str, u: Tensor) -> tuple[Tensor, Outputs]:
        """Input and targets of the network for raw arrays: augmented, then scaled."""
        arrays = self.augment(arrays, kind, u)
        return self.prepare(arrays), self.targets(arrays, normalisation)

    def weights(self, epoch: int, epochs: int) -> tuple[float, float]:
        """Weights of the parts of the loss in an epoch, counted from 0."""
        return (1.0, 0.0)

    def loss(self, outputs: Outputs, targets: Outputs, weights: tuple[float, float], window: str) -> Tensor:
        """L1 (MNRAS Eq. 6), summed over the outputs; other tasks use the weights and the window."""
        pairs = zip(outputs, targets, strict=True)
        return sum((F.l1_loss(output, target) for output, target in pairs), start=outputs[0].new_zeros(()))

    def check(self, arguments: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:  # noqa: B027
        """Refuse arrays that a network with these constructor arguments cannot take, with a CubefocusError."""

    @abstractmethod
    def decode(self, outputs: Outputs, arrays: Arrays, normalisation: Mapping[str, Any]) -> dict[str, Tensor]:
        """What the outputs for raw arrays (b, ...) mean: values (b, ...) in their units, by name."""


class ListedTask(Task):
    """Task of a network of `cubefocus.specs.NETWORKS`, whose options are those of a config."""

    @classmethod
    @abstractmethod
    def configured(cls, name: str, models: ModelsSettings) -> Task:
        """Task of this name with its options from the config section ``models``."""

    @property
    def augmentations(self) -> tuple[str, ...]:
        """Those of the list."""
        return NETWORKS[self.name].augmentations


def logit(mean: float) -> float:
    """Where the bias before a sigmoid starts: at the mean target."""
    mean = min(max(mean, 1e-4), 1 - 1e-4)  # an empty training sky must not give an infinite bias
    return math.log(mean / (1 - mean))


def as_outputs(value: Tensor | tuple[Tensor, ...]) -> Outputs:
    """Outputs of a network in float32, as a tuple whatever their number."""
    return tuple(each.float() for each in (value if isinstance(value, tuple) else (value,)))


def make_task(name: str, models: Mapping[str, Any] | None = None) -> Task:
    """Task of one network from the ``models`` section of a config.

    Parameters
    ----------
    name : str
        One of `cubefocus.specs.NETWORKS`.
    models : mapping, optional
        What is absent keeps its default.

    Raises
    ------
    CubefocusError
        If the name or an option is unknown.
    """
    if name not in NETWORKS:
        raise CubefocusError(f"unknown network '{name}'; known are {', '.join(NETWORKS)}")
    return load(NETWORKS[name].task).configured(name, ModelsSettings.from_mapping(models))
