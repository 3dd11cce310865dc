"""What each network learns: its arrays, its augmentation, its normalisation and its loss, one class a network."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from cubefocus.errors import CubefocusError
from cubefocus.learn import angles, augment
from cubefocus.learn.losses import VALIDATION_WEIGHTS, image_loss, loss_weights, msle
from cubefocus.learn.task import Arrays, Task

MORPHOLOGY = ("sigma_x", "sigma_y", "pa")
DECORAS_LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"decoras": msle, "decoras_bce": F.binary_cross_entropy}
NAMES = ("blobs_finder", "deep_gru", *MORPHOLOGY, "flux", *DECORAS_LOSSES)
SQUARES_WEIGHT = 5.0  # of the mean squared error in the U-Net's loss
ROLL_REACH = 3 / 16  # of the image; keeps sources in its middle half inside


def _logit(mean: float) -> float:
    mean = min(max(mean, 1e-4), 1 - 1e-4)  # an empty training sky must not give an infinite bias
    return math.log(mean / (1 - mean))


class BlobsFinderTask(Task):
    """Integrated dirty image to integrated sky image, both in [0, 1].

    The paper's autoencoder learns with a L1 + b DSSIM, whose weights (a, b) change from epoch to epoch. Variant
    ``unet`` ignores them, and ``latent``: its loss is L1 + 5 MSE from the first epoch to the last and in validation,
    with which it found far more sources after a few epochs.
    """

    name = "blobs_finder"
    keys = ("images/dirty", "images/sky")
    augmentations = ("rotate", "dihedral", "rotate_roll", "dihedral_roll")
    validation_weights = VALIDATION_WEIGHTS

    def __init__(self, image_size: int = 256, variant: str = "mnras", latent: int = 1024) -> None:
        self.options: dict[str, Any] = {"image_size": image_size}
        self.network = "UNet" if variant == "unet" else "BlobsFinder"
        if variant != "unet":
            self.options |= {"variant": variant, "latent": latent}

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
        return {**self.options, "output_bias": _logit(sum(sums) / len(sky))}

    def batch(self, arrays: Arrays, normalisation: Mapping[str, Any], kind: str, u: Tensor) -> tuple[Tensor, Tensor]:
        """(b, 1, y, x) and (b, 1, y, x)."""
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
        dirty, sky = pair.unbind(dim=1)
        return augment.scale01(dirty).unsqueeze(1), augment.scale01(sky).unsqueeze(1)

    def weights(self, epoch: int, epochs: int) -> tuple[float, float]:
        """(1, 0) in the first epoch, (0, 1) in the last; the U-Net's L1 keeps its weight of 1."""
        return (1.0, 0.0) if self.network == "UNet" else loss_weights(epoch, epochs)

    def loss(self, prediction: Tensor, target: Tensor, weights: tuple[float, float], window: str) -> Tensor:
        """a L1 + b DSSIM (MNRAS Eq. 20); L1 + 5 MSE for the U-Net, whatever the weights."""
        if self.network == "UNet":
            return F.l1_loss(prediction, target) + SQUARES_WEIGHT * F.mse_loss(prediction, target)
        return image_loss(prediction, target, weights, window)


class DecorasTask(BlobsFinderTask):
    """What Blobs Finder learns, by the autoencoder of DECORAS and with one of its two losses (MNRAS 5.1).

    ``decoras`` learns with the mean squared logarithmic error, ``decoras_bce`` with the binary cross entropy.
    """

    validation_weights = (1.0, 0.0)

    def __init__(self, name: str, image_size: int = 256, latent: int = 256) -> None:
        super().__init__(image_size, "decoras", latent)
        self.name = name

    def weights(self, epoch: int, epochs: int) -> tuple[float, float]:
        """(1, 0): there is one loss."""
        return (1.0, 0.0)

    def loss(self, prediction: Tensor, target: Tensor, weights: tuple[float, float], window: str) -> Tensor:
        """MSLE or BCE."""
        return DECORAS_LOSSES[self.name](prediction, target)


class DeepGRUTask(Task):
    """Standardised dirty spectrum to noise-free spectrum in [0, 1]."""

    name, network = "deep_gru", "DeepGRU"
    keys = ("spectra/dirty", "spectra/sky")
    augmentations = ("reverse", "roll")

    def __init__(self, hidden: int = 32) -> None:
        self.hidden = hidden

    def arguments(self, data: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """Length of the spectra, units, and the bias that starts at the mean target."""
        sky = augment.scale01(torch.from_numpy(np.asarray(data["spectra/sky"])))
        return {"n_channels": sky.shape[1], "hidden": self.hidden, "output_bias": _logit(float(sky.mean()))}

    def batch(self, arrays: Arrays, normalisation: Mapping[str, Any], kind: str, u: Tensor) -> tuple[Tensor, Tensor]:
        """(b, channel) and (b, channel)."""
        dirty, sky = (arrays[key] for key in self.keys)
        if kind != "none":
            dirty, sky = augment.spectra(dirty, sky, u, roll=kind == "roll")
        return augment.standardise(dirty), augment.scale01(sky)


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


class MorphologyTask(Task):
    """Focused image in [0, 1] to sigma_x, sigma_y (px) or pa (deg)."""

    network = "ResNet"
    keys = ("focused", "targets/sigma_x", "targets/sigma_y", "targets/pa")
    augmentations = ("dihedral", "rotate", "rot180")

    def __init__(self, name: str, pa: str = "degrees", **options: Any) -> None:
        if pa not in angles.KINDS:
            raise CubefocusError(f"models.resnet.pa is '{pa}'; give one of {', '.join(angles.KINDS)}")
        self.name, self.options = name, options
        self.angle = pa if name == "pa" else "degrees"

    def arguments(self, data: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """One output, or two for an angle as a vector."""
        return {"n_outputs": 1 if self.angle == "degrees" else 2, **self.options}

    def normalisation(self, data: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """Mean and standard deviation of the training targets; a vector is left as it is."""
        if self.angle != "degrees":
            return {"angle": self.angle}
        return {"angle": self.angle, **_mean_and_std(data[f"targets/{self.name}"])}

    def batch(self, arrays: Arrays, normalisation: Mapping[str, Any], kind: str, u: Tensor) -> tuple[Tensor, Tensor]:
        """(b, 1, y, x) and (b, n_outputs)."""
        images, *parameters = (arrays[key] for key in self.keys)
        images = _turn(images, kind, u)
        if kind == "dihedral":
            parameters = [*augment.dihedral_parameters(parameters, u)]
        elif kind == "rotate":
            parameters = [*augment.rotated_parameters(parameters, u)]
        value = parameters[MORPHOLOGY.index(self.name)]
        if self.angle == "degrees":
            target = ((value - normalisation["mean"]) / normalisation["std"]).unsqueeze(1)
        else:
            target = angles.to_vector(value, self.angle)
        return augment.scale01(images).unsqueeze(1), target


class FluxTask(Task):
    """Line image over its peak to the line's flux over the same peak: a brighter source needs no new training."""

    name, network = "flux", "ResNet"
    keys = ("line_images", "targets/flux_line")
    augmentations = ("dihedral", "rotate", "rot180")

    def __init__(self, **options: Any) -> None:
        self.options = options

    def arguments(self, data: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """One output."""
        return {"n_outputs": 1, **self.options}

    def normalisation(self, data: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """Mean and standard deviation of flux over peak in the training data."""
        images, flux = (torch.from_numpy(np.asarray(data[key])) for key in self.keys)
        return _mean_and_std((flux / augment.peak(images)).numpy())

    def batch(self, arrays: Arrays, normalisation: Mapping[str, Any], kind: str, u: Tensor) -> tuple[Tensor, Tensor]:
        """(b, 1, y, x) and (b, 1)."""
        images, flux = (arrays[key] for key in self.keys)
        images = _turn(images, kind, u)
        peak = augment.peak(images)
        target = (flux / peak - normalisation["mean"]) / normalisation["std"]
        return (images / peak.view(-1, 1, 1)).unsqueeze(1), target.unsqueeze(1)


def make_task(name: str, models: Mapping[str, Any] | None = None) -> Task:
    """Task of one network from the ``models`` section of a config.

    Parameters
    ----------
    name : str
        One of `NAMES`.
    models : mapping, optional
        Keys ``image_size``, ``blobs_finder``, ``decoras``, ``deep_gru``, ``resnet``; what is absent keeps the paper's
        value.

    Raises
    ------
    CubefocusError
        If the name or an option is unknown.
    """
    models = models or {}
    sections = {"blobs_finder": "blobs_finder", "deep_gru": "deep_gru", **dict.fromkeys(DECORAS_LOSSES, "decoras")}
    options = dict(models.get(sections.get(name, "resnet")) or {})
    try:
        if name == "blobs_finder":
            return BlobsFinderTask(image_size=models.get("image_size", 256), **options)
        if name in DECORAS_LOSSES:
            return DecorasTask(name, image_size=models.get("image_size", 256), **options)
        if name == "deep_gru":
            return DeepGRUTask(**options)
        if name in MORPHOLOGY:
            return MorphologyTask(name, **_resnet_options(options))
        if name == "flux":
            return FluxTask(**_resnet_options({key: options[key] for key in options if key != "pa"}))
    except TypeError as error:
        raise CubefocusError(f"models.{sections.get(name, 'resnet')}: {error}; see the config schema") from error
    raise CubefocusError(f"unknown network '{name}'; known are {', '.join(NAMES)}")


def _resnet_options(options: dict[str, Any]) -> dict[str, Any]:
    unknown = sorted(set(options) - {"pa", "widths"})
    if unknown:
        raise CubefocusError(f"models.resnet has the unknown key '{unknown[0]}'; known are pa, widths")
    return options
