"""What the networks of the denoising study learn: the sky of tiles of observed images, in Jy/arcsec^2."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from cubefocus.denoise.scale import DIFFUSE, FLOOR, from_asinh, from_log, to_asinh, to_log
from cubefocus.errors import CubefocusError
from cubefocus.learn.augment import dihedral
from cubefocus.learn.task import Arrays, Outputs, Task, logit
from cubefocus.networks.residual import NOISE
from cubefocus.specs import DENOISERS, load

OBSERVED, SKY, LIMITS = "observed", "sky", "limits"
DENOISED, PROBABILITY = "denoised", "probability"
MEAN_OF = 2048  # tiles, at least, that the mean target is read off
FAINTEST = 0.2  # of the noise of a pixel: where the scale of the loss of the residual network bends
BRIGHT = 40.0  # of the asinh scale, beyond all that is seen: first steps that go astray stay finite
LOSSES = {"l1": F.l1_loss, "mse": F.mse_loss}


class DenoisingTask(Task):
    """A network that makes denoised tiles of observed ones.

    Training products hold ``observed`` and ``sky``, tiles (n, y, x) in Jy/arcsec^2 without NaN.

    Attributes
    ----------
    whole_image : bool
        Whether the network must know the scale of the image that a tile is of.
    products : tuple of str
        What `decode` gives.
    """

    keys: tuple[str, ...] = (OBSERVED, SKY)
    whole_image: ClassVar[bool] = False
    products: ClassVar[tuple[str, ...]] = (DENOISED,)

    @property
    def augmentations(self) -> tuple[str, ...]:
        """Flips and right-angle rotations, which need no interpolation."""
        return ("dihedral",)

    def normalisation(self, data: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """The constants of the scales, Jy/arcsec^2: networks learnt in them."""
        return {"floor": FLOOR, "diffuse": DIFFUSE}

    def augment(self, arrays: Arrays, kind: str, u: Tensor) -> Arrays:
        """Both tiles in one of eight positions."""
        if kind == "none":
            return arrays
        pairs = torch.stack([arrays[OBSERVED], arrays[SKY]], dim=1)
        observed, sky = dihedral(pairs, u).unbind(dim=1)
        return {**arrays, OBSERVED: observed, SKY: sky}

    @staticmethod
    def described(meta: Mapping[str, Any]) -> DenoisingTask:
        """Task of a trained network, by what its checkpoint or bundle says of it.

        Raises
        ------
        CubefocusError
            If it is no network of this study, or learnt in other constants than those of this version.
        """
        name, known = meta["task"], meta["normalisation"]
        if name not in DENOISERS:
            known = ", ".join(DENOISERS)
            raise CubefocusError(f"holds the network '{name}', which does not denoise; give one of {known}")
        expected = {"floor": FLOOR, "diffuse": DIFFUSE}
        if {key: known.get(key) for key in expected} != expected:
            raise CubefocusError(f"was trained with {known}, this version has {expected}; train it again")
        return load(DENOISERS[name]).of(meta["arguments"])

    @classmethod
    @abstractmethod
    def of(cls, arguments: Mapping[str, Any]) -> DenoisingTask:
        """Task of a network with these constructor arguments."""


class AutoencoderTask(DenoisingTask):
    """The autoencoder of GV22 in its scale: log10 of the flux above a floor, [0, 1] for the image of a tile.

    The observed image gives the scale of both: that of the sky is not known where the network is used. So the products
    hold ``limits`` besides, (n, 2), the `cubefocus.denoise.scale.LogScale.limits` of the observed image of each tile.

    Parameters
    ----------
    maps, neurons, kernel
        Of `cubefocus.networks.Autoencoder`; its tile is that of the products.
    """

    name, network = "autoencoder", "Autoencoder"
    keys = (OBSERVED, SKY, LIMITS)
    whole_image = True

    def __init__(self, maps: Sequence[int] = (32, 64), neurons: int = 200, kernel: int = 3) -> None:
        self.maps, self.neurons, self.kernel = tuple(maps), neurons, kernel

    @classmethod
    def of(cls, arguments: Mapping[str, Any]) -> AutoencoderTask:
        """Task of a network with these constructor arguments."""
        return cls(arguments["maps"], arguments["neurons"], arguments["kernel"])

    def arguments(self, data: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """Those of the task, the tile of the data, and the mean target as where the output starts."""
        sky, limits = (data[key][:: _stride(data)] for key in (SKY, LIMITS))
        mean = float(to_log(sky, limits[:, :1, None], limits[:, 1:, None]).mean())
        tile = int(data[OBSERVED].shape[-1])
        return {
            "tile": tile, "maps": [*self.maps], "neurons": self.neurons, "kernel": self.kernel, "output_bias": mean,
        }  # fmt: skip

    def prepare(self, arrays: Arrays, scaled: bool = False) -> Tensor:
        """(b, 1, y, x) in [0, 1]."""
        return arrays[OBSERVED][:, None] if scaled else to_log(arrays[OBSERVED], *_limits(arrays))[:, None]

    def targets(self, arrays: Arrays, normalisation: Mapping[str, Any]) -> Outputs:
        """One of shape (b, 1, y, x), above 1 where the sky is brighter than the observed image anywhere."""
        return (to_log(arrays[SKY], *_limits(arrays))[:, None],)

    def loss(self, outputs: Outputs, targets: Outputs, weights: tuple[float, float], window: str) -> Tensor:
        """Mean squared error (GV22 Eq. 3 and 4)."""
        return F.mse_loss(outputs[0], targets[0])

    def check(self, arguments: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Refuse tiles of another size."""
        if arrays[OBSERVED].shape[-2:] != (arguments["tile"],) * 2:
            raise CubefocusError(
                f"the autoencoder takes tiles of {arguments['tile']} px, not {arrays[OBSERVED].shape[-2:]}"
            )

    def decode(self, outputs: Outputs, arrays: Arrays, normalisation: Mapping[str, Any]) -> dict[str, Tensor]:
        """``denoised`` (b, y, x) in Jy/arcsec^2."""
        return {DENOISED: from_log(outputs[0][:, 0], *_limits(arrays))}


class ResidualTask(DenoisingTask):
    """The residual U-Net: the sky in the asinh scale, and where it is above 1e-7 Jy/arcsec^2.

    Parameters
    ----------
    widths : sequence of int
        Feature maps of the levels.
    scale : float
        Jy/arcsec^2 at which the scale of the network bends: the noise of a pixel of the images that it will see.
    faintest : float
        The same for the loss, which counts errors of what is brighter by their share of the flux. Emission that only
        many pixels together show is fainter than the noise of one.
    loss : {"l1", "mse"}
        Of the flux, in the asinh scale. The squares estimate the mean of what the sky may be, the absolute values the
        median, which is 0 where emission is less likely than not.
    emission : float
        Weight of the binary cross entropy of the pixels with diffuse emission.

    Raises
    ------
    CubefocusError
        If the loss is unknown.
    """

    name, network = "residual", "Residual"
    products = (DENOISED, PROBABILITY)

    def __init__(
        self,
        widths: Sequence[int] = (16, 24, 32, 48),
        scale: float = NOISE,
        faintest: float = FAINTEST * NOISE,
        loss: str = "mse",
        emission: float = 0.05,
    ) -> None:
        if loss not in LOSSES:
            raise CubefocusError(f"the loss of the residual network is '{loss}'; give one of {', '.join(LOSSES)}")
        self.widths, self.scale, self.faintest = tuple(widths), float(scale), float(faintest)
        self.of_flux, self.emission = loss, emission

    @classmethod
    def of(cls, arguments: Mapping[str, Any]) -> ResidualTask:
        """Task of a network with these constructor arguments."""
        return cls(arguments["widths"], arguments["scale"])

    def arguments(self, data: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """Those of the task, and the share of pixels with emission as where the logit starts."""
        share = float((data[SKY][:: _stride(data)] > DIFFUSE).mean())
        return {"widths": [*self.widths], "scale": self.scale, "output_bias": logit(share)}

    def prepare(self, arrays: Arrays, scaled: bool = False) -> Tensor:
        """(b, 1, y, x) in Jy/arcsec^2: the network itself scales them."""
        return arrays[OBSERVED][:, None]

    def targets(self, arrays: Arrays, normalisation: Mapping[str, Any]) -> Outputs:
        """The sky in the asinh scale of the loss, and whether it is diffuse emission; both of shape (b, 1, y, x)."""
        sky = arrays[SKY][:, None]
        return to_asinh(sky, self.faintest), (sky > DIFFUSE).to(sky.dtype)

    def loss(self, outputs: Outputs, targets: Outputs, weights: tuple[float, float], window: str) -> Tensor:
        """That of the flux, and the cross entropy by its weight."""
        denoised = to_asinh(from_asinh(outputs[0].clamp(-BRIGHT, BRIGHT), self.scale), self.faintest)
        flux = LOSSES[self.of_flux](denoised, targets[0])
        return flux + self.emission * F.binary_cross_entropy_with_logits(outputs[1], targets[1])

    def decode(self, outputs: Outputs, arrays: Arrays, normalisation: Mapping[str, Any]) -> dict[str, Tensor]:
        """``denoised`` in Jy/arcsec^2 and ``probability`` of diffuse emission, both (b, y, x)."""
        compressed, logits = (output[:, 0] for output in outputs)
        return {DENOISED: from_asinh(compressed, self.scale), PROBABILITY: torch.sigmoid(logits)}


def _stride(data: Mapping[str, np.ndarray]) -> int:
    """Step through the tiles that leaves enough of them for a mean."""
    return max(1, len(data[SKY]) // MEAN_OF)


def _limits(arrays: Arrays) -> tuple[Tensor, Tensor]:
    low, high = arrays[LIMITS].unbind(dim=1)
    return low[:, None, None], high[:, None, None]
