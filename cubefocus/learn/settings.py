"""How a network is trained: the keys of one entry of the ``training`` and ``finetuning`` sections of a config."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from cubefocus.errors import CubefocusError

DECAYS = ("none", "cosine")


@dataclass(frozen=True)
class Settings:
    """Settings of one training; the defaults are those of MNRAS 4.5.

    Attributes
    ----------
    epochs : int
        At most so many passes over the training data.
    batch_size : int
        Samples per step, over all processes together.
    learning_rate : float
        Adam's, reached after the warm-up.
    weight_decay : float
        L2 penalty of Adam (1e-5 for Deep GRU in the paper).
    dense_rate : float
        Learning rate of Blobs Finder's two fully connected layers, relative to the rest. Their outputs add up
        thousands of inputs, so that one Adam step changes them far more than a convolution: at 0.01 a short
        training keeps the local code that the network starts from. 1 is the paper's; the U-Net has no such layers.
    warmup_iterations : int
        Steps over which the learning rate rises linearly.
    decay : {"none", "cosine"}
        What the learning rate does after that; ``cosine`` brings it to zero at the last epoch, which helps
        when there are few epochs.
    patience : int
        Epochs in a row without improving on the mean of the last validation losses before training stops.
    window : int
        Number of validation losses in that mean.
    augment : bool or str
        True for the network's own kind of augmentation, False for none, or a kind by name.
    ssim_window : {"gaussian", "uniform"}
        Window of the structural dissimilarity (Blobs Finder only).
    resume_seconds : float
        Longest time between two writes of the resume file, in whole epochs. Where writing it takes a moment only, it is
        written more often, for 2 % of the time.
    """

    epochs: int = 300
    batch_size: int = 32
    learning_rate: float = 1e-4
    weight_decay: float = 0.0
    dense_rate: float = 1.0
    warmup_iterations: int = 10
    decay: str = "none"
    patience: int = 10
    window: int = 10
    augment: bool | str = True
    ssim_window: str = "gaussian"
    resume_seconds: float = 60.0

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "learning_rate", "patience", "window"):
            if not getattr(self, name) > 0:
                raise CubefocusError(f"training.{name} is {getattr(self, name)}; give a value above 0")
        if self.decay not in DECAYS:
            raise CubefocusError(f"training.decay is '{self.decay}'; give one of {', '.join(DECAYS)}")

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Settings:
        """Settings from a config entry.

        Raises
        ------
        CubefocusError
            If a key is unknown or a value cannot be used.
        """
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise CubefocusError(f"training has the unknown key '{unknown[0]}'; known are {', '.join(sorted(known))}")
        floats = ("learning_rate", "weight_decay", "dense_rate", "resume_seconds")  # YAML 1.1 reads 1e-4 as a text
        checked: dict[str, Any] = {key: float(value) if key in floats else value for key, value in values.items()}
        return cls(**checked)

    @property
    def recipe(self) -> dict[str, Any]:
        """The settings that decide the weights."""
        return {key: value for key, value in self.to_dict().items() if key != "resume_seconds"}

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as a checkpoint keeps them."""
        return asdict(self)
