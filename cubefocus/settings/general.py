"""The config of the study ``general``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from cubefocus.sections import Count, Listed, Number, OneOf, Positive, Section, Whole, section
from cubefocus.settings.kinds import Name, PositiveRange, Weight, part
from cubefocus.settings.networks import BatchSize, Epochs, LearningRate, TrainingSettings
from cubefocus.settings.observation import Alternative, SetupSettings
from cubefocus.settings.sky import SkyTypes
from cubefocus.specs import STUDIES


class Setup(Alternative, total=False):
    """An observing set-up of the study ``general``, by what differs from the section ``observation``."""

    frequency_ghz: Annotated[Positive, Field(description="frequency of channel n_channels // 2, in GHz")]
    channel_width_mhz: Annotated[Positive, Field(description="distance between channels in MHz")]
    n_channels: Annotated[Count, Field(description="number of channels")]
    n_pixels: Annotated[Count, Field(description="side of the images in px")]
    cell_arcsec: Annotated[Positive, Field(description="size of a pixel in arcsec")]


@section("draws")
class DrawSettings(Section):
    """What the images of windows of channels hold that the network of the search learns from."""

    image_size: Annotated[Whole, Field(ge=32, multiple_of=16)] = Field(
        default=96, description="side of the images that the network sees in training, in its pixels"
    )
    beam: Positive = Field(
        default=4.0, description="geometric mean of the beam's FWHM in the network's pixels; cubes are resampled to it"
    )
    n_sources: Annotated[tuple[Count, Count], Listed()] = Field(default=(1, 6), description="sources of an image")
    empty_fraction: Annotated[Number, Field(ge=0, le=1)] = Field(
        default=0.15, description="share of images without any source"
    )
    snr: PositiveRange = Field(
        default=(3.0, 50.0),
        description="signal-to-noise ratio of a source in an image smoothed with the beam, drawn by its logarithm",
    )
    size: Annotated[tuple[Weight, Weight], Listed()] = Field(
        default=(0.1, 1.3), description="standard deviations of a source, in FWHM of the beam, drawn by their logarithm"
    )
    types: SkyTypes = Field(
        default_factory=lambda: {"gaussian": 3.0, "point": 2.0, "disc": 2.0, "absorption": 0.5, "diffuse": 0.5},
        description="weight of each sky type in the draw; a type that is not named has weight 0",
    )
    restored: Annotated[Number, Field(ge=0, le=1)] = Field(
        default=0.5, description="share of images that are restored, the others are dirty"
    )
    clean_depth: PositiveRange = Field(
        default=(1.0, 6.0), description="times the noise down to which restored images are cleaned"
    )


@section("network")
class ProposerShape(Section):
    """Shape of the network of the search."""

    widths: Annotated[tuple[Count, Count, Count, Count], Listed(4, ordered=False)] = Field(
        default=(16, 24, 32, 48), description="feature maps of the four levels of the U-Net"
    )


@section("training")
class ProposerTraining(TrainingSettings):
    """Training of the network of the search."""

    images: Count = Field(default=2048, description="images that are drawn for an epoch; each is seen once")
    validation_images: Count = Field(default=256, description="images of the validation loss, the same in each epoch")
    epochs: Epochs = 18
    batch_size: BatchSize = 16
    learning_rate: LearningRate = 2e-3
    warmup_iterations: Annotated[Whole, Field(ge=0)] = Field(
        default=100, description="steps in which the learning rate rises linearly from 0"
    )
    augment: SkipJsonSchema[bool] = True


@section("comparison")
class ComparisonSettings(Section):
    """Cubes of held-out set-ups on which the proposers are compared."""

    calibration: Count = Field(
        default=4, description="cubes a set-up on which the network's scale is chosen, half of them dirty"
    )
    validation: Count = Field(
        default=10, description="cubes a set-up on which thresholds are chosen, half of them dirty"
    )
    test: Count = Field(default=20, description="cubes a set-up that the table is made from, half of them dirty")
    empty_fraction: Annotated[Number, Field(ge=0, le=1)] = Field(default=0.15, description="share of empty cubes")
    n_sources: Annotated[tuple[Count, Count], Listed()] = Field(default=(1, 5), description="sources of the others")
    snr: PositiveRange = Field(
        default=(3.0, 30.0),
        description="signal-to-noise ratio of a source against a template of its own shape, drawn by its logarithm",
    )
    line_fwhm: PositiveRange = Field(default=(1.0, 40.0), description="width of lines in channels, by its logarithm")
    types: SkyTypes = Field(
        default_factory=lambda: {"gaussian": 2.0, "point": 1.0, "disc": 1.0, "multi_line": 1.0, "gradient": 1.0},
        description="weight of each sky type; those that `draws.types` does not have are new to the network",
    )
    clean_depth: Positive = Field(
        default=2.5, description="times the noise of a voxel down to which each channel of a restored cube is cleaned"
    )
    false_per_cube: Positive = Field(default=0.1, description="false sources a cube at which completeness is given")
    link: Positive = Field(default=3.5, description="significance of the voxels that are linked to islands")


@section("")
class GeneralSettings(Section):
    """A whole config of the study ``general``."""

    experiment: Name = Field(
        default="general",
        description="name of the experiment, of letters, digits, '_', '-' and '.'; results go to results/<experiment>/",
    )
    study: Annotated[str, OneOf(*STUDIES)] = Field(
        default="general",
        description="what is studied, which decides the stages of the workflow and the keys of the config",
    )
    seed: Annotated[Whole, Field(ge=0)] = Field(default=1, description="seed of everything random")
    observation: SetupSettings = part(SetupSettings, "what the set-ups share")
    train: tuple[Setup, ...] = Field(
        default=(), description="set-ups that the network learns from, each by the keys in which it differs"
    )
    heldout: tuple[Setup, ...] = Field(
        default=(), description="set-ups of the cubes on which the proposers are compared, in the same form"
    )
    draws: DrawSettings = part(DrawSettings, "images that the network learns from")
    network: ProposerShape = part(ProposerShape, "shape of the network")
    training: ProposerTraining = part(ProposerTraining, "training of the network")
    comparison: ComparisonSettings = part(ComparisonSettings, "cubes on which the proposers are compared")
