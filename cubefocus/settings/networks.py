"""Shapes of the networks, and their training."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from cubefocus.sections import Count, Listed, Number, OneOf, Section, Whole, section
from cubefocus.settings.kinds import part
from cubefocus.specs import BLOBS_FINDER_VARIANTS, NETWORKS


@section("models.blobs_finder")
class BlobsFinderShape(Section):
    """Autoencoder that finds sources in the integrated image."""

    variant: Annotated[str, OneOf(*BLOBS_FINDER_VARIANTS)] = Field(
        default="unet", description="architecture as in MNRAS or as in ECML, or a U-Net, which has no latent vector"
    )
    latent: Count = Field(default=1024, description="size of the latent vector")


@section("models.decoras")
class DecorasShape(Section):
    """Autoencoder of the finder DECORAS."""

    latent: Count = Field(default=256, description="size of the latent vector")


@section("models.deep_gru")
class DeepGRUShape(Section):
    """Recurrent network that finds lines in spectra."""

    hidden: Count = Field(default=32, description="units in each of the two directions")


@section("models.resnet")
class ResNetShape(Section):
    """Networks that measure parameters on focused images."""

    shapes: Annotated[str, OneOf("separate", "joint")] = Field(
        default="separate",
        description="separate: sigma_x, sigma_y and pa have a network each, as in the paper; joint: one for all three",
    )
    pa: Annotated[str, OneOf("degrees", "vector")] = Field(
        default="degrees",
        description="what the network for the position angle regresses: degrees, or (cos 2pa, sin 2pa)",
    )
    widths: Annotated[tuple[Count, Count, Count, Count], Listed(4, ordered=False)] = Field(
        default=(16, 32, 64, 128), description="feature maps of the four stages"
    )


@section("models")
class ModelsSettings(Section):
    """Shapes of the networks."""

    image_size: Annotated[Whole, Field(ge=16, multiple_of=16)] = Field(
        default=128, description="side of Blobs Finder's image in px"
    )
    blobs_finder: BlobsFinderShape = part(BlobsFinderShape, "autoencoder that finds sources in the integrated image")
    decoras: DecorasShape = part(DecorasShape, "autoencoder of the finder DECORAS")
    deep_gru: DeepGRUShape = part(DeepGRUShape, "recurrent network that finds lines in spectra")
    resnet: ResNetShape = part(ResNetShape, "networks that measure parameters on focused images")


def augmentations(entry: str | None = None) -> tuple[str, ...]:
    """Kinds of augmentation that the networks of an entry of ``training`` have; those of all without one."""
    kinds = (kind for one in NETWORKS.values() if entry in (None, one.section) for kind in one.augmentations)
    return tuple(dict.fromkeys(kinds))


_AUGMENT = Field(description="random changes of the training data, true for the network's own kind, or a kind by name")
Epochs = Annotated[Count, Field(description="largest number of passes over the training data")]
BatchSize = Annotated[Count, Field(description="images or spectra in one step, over all processes together")]
Rate = Annotated[Number, Field(gt=0, le=1)]
LearningRate = Annotated[Rate, Field(description="learning rate of Adam after the warm-up")]
Decay = Annotated[
    Number, Field(ge=0, le=1, description="L2 penalty of Adam; the paper gives Deep GRU 1e-5, the others none")
]


# Fully connected layers add up thousands of inputs, so that one step of Adam changes their outputs far more than those
# of a convolution: at 0.01 a short training keeps the local code that the network starts from.
DenseRate = Annotated[
    Rate,
    Field(description="learning rate of fully connected layers over that of the rest; 1 is the paper's"),
]


Patience = Annotated[Count, Field(description="epochs in a row without progress after which training stops")]
AnyAugment = Annotated[bool | str, OneOf(True, False, *augmentations()), _AUGMENT]
ImagesAugment = Annotated[bool | str, OneOf(True, False, *augmentations("blobs_finder")), _AUGMENT]
DecorasAugment = Annotated[bool | str, OneOf(True, False, *augmentations("decoras")), _AUGMENT]
SpectraAugment = Annotated[bool | str, OneOf(True, False, *augmentations("deep_gru")), _AUGMENT]
CutoutsAugment = Annotated[bool | str, OneOf(True, False, *augmentations("resnet")), _AUGMENT]


@section("training")
class TrainingSettings(Section):
    """How a network is trained, one entry of ``training`` and ``finetuning``; the defaults are Blobs Finder's.

    ``resume_seconds`` is the longest time between two writes of the resume file, in whole epochs; where writing it
    takes a moment only, it is written more often, for 2 % of the time. ``ssim_window`` is the window of the structural
    dissimilarity (variants ``mnras`` and ``ecml`` of Blobs Finder). With ``precision`` ``auto`` a network computes in
    bfloat16 where the device has it, which takes half the time; its weights and its loss are in float32 in any case.
    """

    epochs: Epochs = 30
    batch_size: BatchSize = 8
    learning_rate: LearningRate = 2e-3
    dense_rate: SkipJsonSchema[DenseRate] = 0.01
    weight_decay: Decay = 0.0
    warmup_iterations: Annotated[Whole, Field(ge=0)] = Field(
        default=10, description="steps in which the learning rate rises linearly from 0"
    )
    decay: Annotated[str, OneOf("none", "cosine")] = Field(
        default="cosine",
        description="what the learning rate does after the warm-up, none or cosine to 0 at the last epoch",
    )
    patience: Patience = 50
    window: Count = Field(
        default=10, description="number of validation losses in the mean that an epoch must improve on"
    )
    augment: AnyAugment = True
    ssim_window: SkipJsonSchema[Annotated[str, OneOf("gaussian", "uniform")]] = "gaussian"
    precision: SkipJsonSchema[Annotated[str, OneOf("auto", "float32")]] = "auto"
    resume_seconds: SkipJsonSchema[Annotated[Number, Field(ge=0)]] = 60.0

    @property
    def recipe(self) -> dict[str, Any]:
        """The settings that decide the weights."""
        return {key: value for key, value in self.to_dict().items() if key != "resume_seconds"}


@section("training.blobs_finder")
class BlobsFinderTraining(TrainingSettings):
    """Training of Blobs Finder, whose fully connected layers learn at a rate of their own."""

    dense_rate: DenseRate = TrainingSettings.dense_rate
    augment: ImagesAugment = True


@section("training.decoras")
class DecorasTraining(BlobsFinderTraining):
    """Training of the network of DECORAS, with either loss."""

    augment: DecorasAugment = True


@section("training.deep_gru")
class DeepGRUTraining(TrainingSettings):
    """Training of Deep GRU."""

    epochs: Epochs = 20
    batch_size: BatchSize = 16
    weight_decay: Decay = 1e-5
    patience: Patience = 10
    augment: SpectraAugment = True


@section("training.resnet")
class ResNetTraining(TrainingSettings):
    """Training of the networks for sigma_x, sigma_y, pa and flux."""

    epochs: Epochs = 10
    batch_size: BatchSize = 16
    learning_rate: LearningRate = 1e-3
    patience: Patience = 25
    augment: CutoutsAugment = "rotate"


@section("finetuning.deep_gru")
class DeepGRUFinetuning(DeepGRUTraining):
    """Fine-tuning of Deep GRU."""

    epochs: Epochs = 6
    learning_rate: LearningRate = 5e-4
    augment: SpectraAugment = False


@section("finetuning.resnet")
class ResNetFinetuning(ResNetTraining):
    """Fine-tuning of the networks for sigma_x, sigma_y, pa and flux."""

    epochs: Epochs = 3
    learning_rate: LearningRate = 5e-4
    patience: Patience = 10
    augment: CutoutsAugment = False


@section("training")
class TrainingSection(Section):
    """Training on products cut out with the true parameters."""

    blobs_finder: BlobsFinderTraining = part(BlobsFinderTraining, "settings of Blobs Finder")
    decoras: DecorasTraining = part(DecorasTraining, "settings of the network of DECORAS, with either loss")
    deep_gru: DeepGRUTraining = part(DeepGRUTraining, "settings of Deep GRU")
    resnet: ResNetTraining = part(ResNetTraining, "settings of the networks for sigma_x, sigma_y, pa and flux")


@section("finetuning")
class FinetuningSection(Section):
    """Training on products cut out with the predictions of the networks upstream."""

    deep_gru: DeepGRUFinetuning = part(DeepGRUFinetuning, "settings of Deep GRU")
    resnet: ResNetFinetuning = part(ResNetFinetuning, "settings of the networks for sigma_x, sigma_y, pa and flux")
