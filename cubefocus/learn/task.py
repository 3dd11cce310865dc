"""What the training loop knows of a network: its arrays, augmentation, normalisation and loss."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from cubefocus.errors import CubefocusError

Arrays = Mapping[str, Tensor]


class Task(ABC):
    """One network's training problem; the training loop knows nothing else about the network.

    Attributes
    ----------
    name : str
        As in the config and in the file names: one of `NAMES`.
    network : str
        Class of the network.
    keys : tuple of str
        Datasets of the training products that the task reads.
    augmentations : tuple of str
        Kinds that the task offers; the first one is taken for ``augment: true``.
    """

    name: str
    network: str
    keys: tuple[str, ...]
    augmentations: ClassVar[tuple[str, ...]]
    validation_weights: ClassVar[tuple[float, float]] = (1.0, 0.0)

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
    def batch(self, arrays: Arrays, normalisation: Mapping[str, Any], kind: str, u: Tensor) -> tuple[Tensor, Tensor]:
        """Input and target of the network for raw arrays (b, ...): augmented, cropped, then scaled.

        ``u`` holds uniform random numbers, shape (b, `augment.N_RANDOM`).
        """

    def weights(self, epoch: int, epochs: int) -> tuple[float, float]:
        """Weights of L1 and DSSIM in an epoch, counted from 0."""
        return (1.0, 0.0)

    def loss(self, prediction: Tensor, target: Tensor, weights: tuple[float, float], window: str) -> Tensor:
        """L1 (MNRAS Eq. 6); only Blobs Finder uses the weights and the window."""
        return F.l1_loss(prediction, target)
