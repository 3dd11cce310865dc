"""What the network of the search learns: in which pixels of an image of a window of channels a source is seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from cubefocus.general.draw import Drawer
from cubefocus.learn.task import Arrays, Outputs, Task, logit
from cubefocus.settings import ProposerShape

NAME = "proposer"
NUMBERS = "numbers"  # of the images of a set
DRAWN = 2**24  # different values that a uniform number of float32 has; images of the validation have numbers below
MEAN_OF = 256  # images that the mean target is read off


class ProposerTask(Task):
    """Image in units of the noise to the logit that a source is seen in each pixel, with the binary cross entropy.

    The data of a set are numbers; images are drawn from them when a batch is made. In training each batch has images
    that were never drawn before: their numbers come from the generator of the training, so that one that was killed
    goes on with those that it would have had.

    Parameters
    ----------
    drawer : Drawer
    shape : ProposerShape
    """

    name, network = NAME, "Proposer"
    keys = (NUMBERS,)

    def __init__(self, drawer: Drawer, shape: ProposerShape) -> None:
        self.drawer, self.shape = drawer, shape
        self._kept: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    @property
    def augmentations(self) -> tuple[str, ...]:
        """The one: other images each time."""
        return ("endless",)

    def kept(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """An image of the validation, which is drawn once."""
        if number not in self._kept:
            self._kept[number] = self.drawer.draw(number)
        return self._kept[number]

    def arguments(self, data: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """Widths of the levels, and the bias that starts at the mean target."""
        mean = float(np.mean([self.kept(number)[1].mean() for number in range(MEAN_OF)]))
        return {"widths": [*self.shape.widths], "output_bias": logit(mean)}

    def normalisation(self, data: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """Pixels a beam that the images have, and what else decides them: a training goes on with the same only."""
        draws = self.drawer.settings.to_dict()
        responses = [plane.response.folder.name for plane in self.drawer.planes]
        return {"beam": self.drawer.settings.beam, "draws": draws, "responses": responses}

    def augment(self, arrays: Arrays, kind: str, u: Tensor) -> Arrays:
        """Images and where sources are seen in them: of other numbers in training, of the given ones in validation."""
        if kind == "none":
            drawn = [self.kept(int(number)) for number in arrays[NUMBERS].tolist()]
        else:
            high, low = (u[:, :2].double() * DRAWN).long().T.tolist()
            drawn = [self.drawer.draw(DRAWN * (1 + one) + two) for one, two in zip(high, low, strict=True)]
        images, seen = (torch.from_numpy(np.stack(part))[:, None] for part in zip(*drawn, strict=True))
        device = arrays[NUMBERS].device
        return {"images": images.to(device), "seen": seen.to(device)}

    def prepare(self, arrays: Arrays, scaled: bool = False) -> Tensor:
        """(b, 1, y, x)."""
        return arrays["images"]

    def targets(self, arrays: Arrays, normalisation: Mapping[str, Any]) -> Outputs:
        """One of shape (b, 1, y, x)."""
        return (arrays["seen"],)

    def loss(self, outputs: Outputs, targets: Outputs, weights: tuple[float, float], window: str) -> Tensor:
        """Binary cross entropy of the pixels, in nats an image divided by 1000."""
        (logits,), (seen,) = outputs, targets
        return 1e-3 * F.binary_cross_entropy_with_logits(logits, seen, reduction="sum") / len(logits)

    def decode(self, outputs: Outputs, arrays: Arrays, normalisation: Mapping[str, Any]) -> dict[str, Tensor]:
        """``logits`` (b, y, x)."""
        return {"logits": outputs[0][:, 0]}
