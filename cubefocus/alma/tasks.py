"""What each network of the study learns and says, one class a network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from cubefocus.errors import CubefocusError
from cubefocus.learn import angles, augment
from cubefocus.learn.losses import VALIDATION_WEIGHTS, image_loss, loss_weights, msle
from cubefocus.learn.task import Arrays, ListedTask, Outputs, Task, logit
from cubefocus.settings import ModelsSettings
from cubefocus.specs import SHAPES

DECORAS_LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"decoras": msle, "decoras_bce": F.binary_cross_entropy}
SQUARES_WEIGHT = 5.0  # of the mean squared error in the U-Net's loss
ROLL_REACH = 3 / 16  # of the image; keeps sources in its middle half inside
SMALLEST_SIGMA = 0.1  # px; a regression can leave the range of its training, a width of zero is no Gaussian


class BlobsFinderTask(ListedTask):
    """Integrated dirty image to integrated sky image, both in [0, 1].

    The paper's autoencoder learns with a L1 + b DSSIM, whose weights (a, b) change from epoch to epoch. Variant
    ``unet`` ignores them, and ``latent``: its loss is L1 + 5 MSE from the first epoch to the last and in validation,
    with which it found far more sources after a few epochs.
    """

    name = "blobs_finder"
    keys = ("images/dirty", "images/sky")
    validation_weights = VALIDATION_WEIGHTS
    samples_at_once: ClassVar[int] = 16

    def __init__(self, image_size: int, variant: str, latent: int) -> None:
        self.options: dict[str, Any] = {"image_size": image_size}
        self.network = "UNet" if variant == "unet" else "BlobsFinder"
        if variant != "unet":
            self.options |= {"variant": variant, "latent": latent}

    @classmethod
    def configured(cls, name: str, models: ModelsSettings) -> Task:
        """Options ``image_size`` and those of section ``blobs_finder``."""
        return cls(models.image_size, models.blobs_finder.variant, models.blobs_finder.latent)

    def arguments(self, data: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """Options of the config and the bias that starts at the mean target."""
        size, sky = self.options["image_size"], np.asarray(data["images/sky"])
        if min(sky.shape[-2:]) < size:
            raise CubefocusError(
                f"training images are {sky.shape[-1]} x {sky.shape[-2]} px, smaller than models.image_size {size}; "
                "lower image_size or simulate larger cubes"
            )
        sums = [
            float(augment.scale01(augment.centre_crop(torch.from_numpy(part), size)).double().mean(dim=(1, 2)).sum())
            for part in np.array_split(sky, max(len(sky) // 256, 1))
        ]
        return {**self.options, "output_bias": logit(sum(sums) / len(sky))}

    def augment(self, arrays: Arrays, kind: str, u: Tensor) -> Arrays:
        """Rotated or cropped to ``image_size``, flipped, moved."""
        dirty, sky = (arrays[key] for key in self.keys)
        size, turn = self.options["image_size"], kind.removesuffix("_roll")
        if turn == "rotate":
            grid = augment.rotation_grid(dirty.shape[-2:], size, u)
            dirty, sky = augment.sample(dirty, grid, noisy=True), augment.sample(sky, grid, noisy=False)
        else:
            dirty, sky = augment.centre_crop(dirty, size), augment.centre_crop(sky, size)
        pair = torch.stack([dirty, sky], dim=1)
        if turn == "dihedral":
            pair = augment.dihedral(pair, u)
        if kind.endswith("_roll"):
            pair = augment.roll_images(pair, u, reach=round(ROLL_REACH * size))
        return dict(zip(self.keys, pair.unbind(dim=1), strict=True))

    def prepare(self, arrays: Arrays, scaled: bool = False) -> Tensor:
        """(b, 1, y, x), each image in [0, 1] of its own range unless it is ``scaled``."""
        images = arrays["images/dirty"]
        return (images if scaled else augment.scale01(images)).unsqueeze(1)

    def targets(self, arrays: Arrays, normalisation: Mapping[str, Any]) -> Outputs:
        """One of shape (b, 1, y, x)."""
        return (augment.scale01(arrays["images/sky"]).unsqueeze(1),)

    def weights(self, epoch: int, epochs: int) -> tuple[float, float]:
        """(1, 0) in the first epoch, (0, 1) in the last; the U-Net's L1 keeps its weight of 1."""
        return (1.0, 0.0) if self.network == "UNet" else loss_weights(epoch, epochs)

    def loss(self, outputs: Outputs, targets: Outputs, weights: tuple[float, float], window: str) -> Tensor:
        """a L1 + b DSSIM (MNRAS Eq. 20); L1 + 5 MSE for the U-Net, whatever the weights."""
        (prediction,), (target,) = outputs, targets
        if self.network == "UNet":
            return F.l1_loss(prediction, target) + SQUARES_WEIGHT * F.mse_loss(prediction, target)
        return image_loss(prediction, target, weights, window)

    def check(self, arguments: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Images must be of the network's size."""
        images, size = arrays["images/dirty"], arguments["image_size"]
        if images.ndim != 3 or any(side != size for side in images.shape[1:]):
            raise CubefocusError(
                f"{self.name} was trained on {size} px images, these have shape {images.shape}; tile or pad them"
            )

    def decode(self, outputs: Outputs, arrays: Arrays, normalisation: Mapping[str, Any]) -> dict[str, Tensor]:
        """``map`` (b, y, x) in [0, 1]."""
        return {"map": outputs[0][:, 0]}


class VariantTask(BlobsFinderTask):
    """Blobs Finder by the architecture that its name ends with, whichever one the chain has."""

    def __init__(self, name: str, image_size: int, latent: int) -> None:
        super().__init__(image_size, name.removeprefix("blobs_finder_"), latent)
        self.name = name

    @classmethod
    def configured(cls, name: str, models: ModelsSettings) -> Task:
        """Options ``image_size`` and ``latent`` of section ``blobs_finder``."""
        return cls(name, models.image_size, models.blobs_finder.latent)


class DecorasTask(BlobsFinderTask):
    """What Blobs Finder learns, by the autoencoder of DECORAS and with one of its two losses (MNRAS 5.1).

    ``decoras`` learns with the mean squared logarithmic error, ``decoras_bce`` with the binary cross entropy.
    """

    validation_weights = (1.0, 0.0)

    def __init__(self, name: str, image_size: int, latent: int) -> None:
        super().__init__(image_size, "decoras", latent)
        self.name = name

    @classmethod
    def configured(cls, name: str, models: ModelsSettings) -> Task:
        """Options ``image_size`` and those of section ``decoras``."""
        return cls(name, models.image_size, models.decoras.latent)

    def weights(self, epoch: int, epochs: int) -> tuple[float, float]:
        """(1, 0): there is one loss."""
        return (1.0, 0.0)

    def loss(self, outputs: Outputs, targets: Outputs, weights: tuple[float, float], window: str) -> Tensor:
        """MSLE or BCE."""
        return DECORAS_LOSSES[self.name](outputs[0], targets[0])


class DeepGRUTask(ListedTask):
    """Standardised dirty spectrum to noise-free spectrum in [0, 1]."""

    name, network = "deep_gru", "DeepGRU"
    keys = ("spectra/dirty", "spectra/sky")
    samples_at_once: ClassVar[int] = 256

    def __init__(self, hidden: int) -> None:
        self.hidden = hidden

    @classmethod
    def configured(cls, name: str, models: ModelsSettings) -> Task:
        """Options of section ``deep_gru``."""
        return cls(models.deep_gru.hidden)

    def arguments(self, data: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """Length of the spectra, units, and the bias that starts at the mean target."""
        sky = augment.scale01(torch.from_numpy(np.asarray(data["spectra/sky"])))
        return {"n_channels": sky.shape[1], "hidden": self.hidden, "output_bias": logit(float(sky.mean()))}

    def augment(self, arrays: Arrays, kind: str, u: Tensor) -> Arrays:
        """Reversed, and moved round."""
        dirty, sky = (arrays[key] for key in self.keys)
        if kind != "none":
            dirty, sky = augment.spectra(dirty, sky, u, roll=kind == "roll")
        return dict(zip(self.keys, (dirty, sky), strict=True))

    def prepare(self, arrays: Arrays, scaled: bool = False) -> Tensor:
        """(b, channel), each spectrum standardised unless it is ``scaled``."""
        spectra = arrays["spectra/dirty"]
        return spectra if scaled else augment.standardise(spectra)

    def targets(self, arrays: Arrays, normalisation: Mapping[str, Any]) -> Outputs:
        """One of shape (b, channel)."""
        return (augment.scale01(arrays["spectra/sky"]),)

    def check(self, arguments: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Spectra must have the network's number of channels."""
        spectra, n_channels = arrays["spectra/dirty"], arguments["n_channels"]
        if spectra.ndim != 2 or spectra.shape[1] != n_channels:
            raise CubefocusError(
                f"{self.name} was trained on {n_channels} channels, these spectra have shape {spectra.shape}; "
                "regrid the cube or train for its channels"
            )

    def decode(self, outputs: Outputs, arrays: Arrays, normalisation: Mapping[str, Any]) -> dict[str, Tensor]:
        """``spectra`` (b, channel) in [0, 1]."""
        return {"spectra": outputs[0]}


def _mean_and_std(values: np.ndarray) -> dict[str, float]:
    std = float(np.std(values, dtype=np.float64))
    return {"mean": float(np.mean(values, dtype=np.float64)), "std": std if std > 0 else 1.0}


def _turn(images: Tensor, kind: str, u: Tensor) -> Tensor:
    """Focused or line images (b, y, x) turned and flipped in the way that ``kind`` names."""
    if kind == "rotate":
        return augment.sample(images, augment.rotation_grid(images.shape[-2:], images.shape[-1], u), noisy=True)
    if kind == "dihedral":
        return augment.dihedral(images, u)
    return augment.half_turn(images, u) if kind == "rot180" else images


class MorphologyTask(ListedTask):
    """Focused image in [0, 1] to sigma_x, sigma_y (px) or pa (deg)."""

    network = "ResNet"
    keys = ("focused", "targets/sigma_x", "targets/sigma_y", "targets/pa")

    def __init__(self, name: str, pa: str, widths: Sequence[int]) -> None:
        self.name, self.options = name, {"widths": [*widths]}
        self.angle = pa if name == "pa" else "degrees"

    @classmethod
    def configured(cls, name: str, models: ModelsSettings) -> Task:
        """Options of section ``resnet``."""
        return cls(name, models.resnet.pa, models.resnet.widths)

    def arguments(self, data: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """One output, or two for an angle as a vector."""
        return {"n_outputs": 1 if self.angle == "degrees" else 2, **self.options}

    def normalisation(self, data: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """Mean and standard deviation of the training targets; a vector is left as it is."""
        if self.angle != "degrees":
            return {"angle": self.angle}
        return {"angle": self.angle, **_mean_and_std(data[f"targets/{self.name}"])}

    def augment(self, arrays: Arrays, kind: str, u: Tensor) -> Arrays:
        """Turned and flipped, and the parameters with the image."""
        images, *given = (arrays[key] for key in self.keys)
        parameters: Sequence[Tensor] = given
        if kind == "dihedral":
            parameters = augment.dihedral_parameters(given, u)
        elif kind == "rotate":
            parameters = augment.rotated_parameters(given, u)
        return dict(zip(self.keys, (_turn(images, kind, u), *parameters), strict=True))

    def prepare(self, arrays: Arrays, scaled: bool = False) -> Tensor:
        """(b, 1, y, x)."""
        images = arrays["focused"]
        return (images if scaled else augment.scale01(images)).unsqueeze(1)

    def targets(self, arrays: Arrays, normalisation: Mapping[str, Any]) -> Outputs:
        """One of shape (b, n_outputs)."""
        value = arrays[f"targets/{self.name}"]
        if self.angle == "degrees":
            return (((value - normalisation["mean"]) / normalisation["std"]).unsqueeze(1),)
        return (angles.to_vector(value, self.angle),)

    def decode(self, outputs: Outputs, arrays: Arrays, normalisation: Mapping[str, Any]) -> dict[str, Tensor]:
        """Its parameter (b,): px, at least `SMALLEST_SIGMA`, or degrees, clipped to [0, 90]."""
        if normalisation.get("angle", "degrees") != "degrees":
            return {self.name: angles.from_vector(outputs[0], normalisation["angle"])}
        value = outputs[0][:, 0] * normalisation["std"] + normalisation["mean"]
        return {self.name: value.clamp(0, 90) if self.name == "pa" else value.clamp(min=SMALLEST_SIGMA)}


class ShapeTask(MorphologyTask):
    """Focused image in [0, 1] to sigma_x, sigma_y (px) and pa (deg) at once: one network with an output for each."""

    def __init__(self, name: str, pa: str, widths: Sequence[int]) -> None:
        super().__init__(name, pa, widths)
        self.parts = [MorphologyTask(part, pa, widths) for part in SHAPES]

    def arguments(self, data: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """The outputs of all three, side by side."""
        return {"n_outputs": sum(part.arguments(data)["n_outputs"] for part in self.parts), **self.options}

    def normalisation(self, data: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """That of each, by name."""
        return {part.name: part.normalisation(data) for part in self.parts}

    def targets(self, arrays: Arrays, normalisation: Mapping[str, Any]) -> Outputs:
        """One of shape (b, n_outputs)."""
        return (torch.cat([part.targets(arrays, normalisation[part.name])[0] for part in self.parts], dim=1),)

    def decode(self, outputs: Outputs, arrays: Arrays, normalisation: Mapping[str, Any]) -> dict[str, Tensor]:
        """The three parameters (b,), as their own tasks decode them."""
        said, values = outputs[0], dict[str, Tensor]()
        for part in self.parts:
            size = 1 if normalisation[part.name].get("angle", "degrees") == "degrees" else 2
            values |= part.decode((said[:, :size],), arrays, normalisation[part.name])
            said = said[:, size:]
        return values


class FluxTask(ListedTask):
    """Line image over its peak to the line's flux over the same peak: a brighter source needs no new training."""

    name, network = "flux", "ResNet"
    keys = ("line_images", "targets/flux_line")

    def __init__(self, widths: Sequence[int]) -> None:
        self.options = {"widths": [*widths]}

    @classmethod
    def configured(cls, name: str, models: ModelsSettings) -> Task:
        """Options of section ``resnet`` but that of the position angle."""
        return cls(models.resnet.widths)

    def arguments(self, data: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """One output."""
        return {"n_outputs": 1, **self.options}

    def normalisation(self, data: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """Mean and standard deviation of flux over peak in the training data."""
        images, flux = (torch.from_numpy(np.asarray(data[key])) for key in self.keys)
        return _mean_and_std((flux / augment.peak(images)).numpy())

    def augment(self, arrays: Arrays, kind: str, u: Tensor) -> Arrays:
        """Turned and flipped; the flux stays."""
        return {**arrays, "line_images": _turn(arrays["line_images"], kind, u)}

    def prepare(self, arrays: Arrays, scaled: bool = False) -> Tensor:
        """(b, 1, y, x)."""
        images = arrays["line_images"]
        return (images if scaled else images / augment.peak(images).view(-1, 1, 1)).unsqueeze(1)

    def targets(self, arrays: Arrays, normalisation: Mapping[str, Any]) -> Outputs:
        """One of shape (b, 1)."""
        images, flux = (arrays[key] for key in self.keys)
        return (((flux / augment.peak(images) - normalisation["mean"]) / normalisation["std"]).unsqueeze(1),)

    def decode(self, outputs: Outputs, arrays: Arrays, normalisation: Mapping[str, Any]) -> dict[str, Tensor]:
        """``flux`` (b,) in the unit of the line images (Jy/beam, summed over voxels), proportional to their scale."""
        value = outputs[0][:, 0] * normalisation["std"] + normalisation["mean"]
        return {"flux": value * augment.peak(arrays["line_images"])}
