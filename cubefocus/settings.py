"""Every section of the config: defaults (those of config.yaml), limits and descriptions, and nothing holds them twice.

``workflow/schemas/<study>.schema.yaml`` and ``docs/config.md`` are written from these classes: `make schema`. The names
of networks, finders and sky types are those of `cubefocus.specs`. A field of type `SkipJsonSchema` is no key of the
config; it is for those who call the package.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypedDict

import typing_extensions
from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic.json_schema import SkipJsonSchema

from cubefocus.contradictions import of_experiment, of_observation, of_types
from cubefocus.errors import CubefocusError
from cubefocus.sections import Count, Flag, Listed, Number, OneOf, Positive, Section, Whole, section
from cubefocus.specs import BLOBS_FINDER_VARIANTS, FINDERS, NETWORKS, PROPOSERS, SKY_TYPES, STUDIES

SPLITS = ("none", "watershed")
MEASURES = ("std", "var", "mad")
ENGINES = ("casa", "fft")

Share = Annotated[Number, Field(gt=0, lt=1)]
Range = Annotated[tuple[Number, Number], Listed()]
PositiveRange = Annotated[tuple[Positive, Positive], Listed()]
Channels = Annotated[Number, Field(ge=0)]
Degrees = Annotated[Number, Field(ge=0, le=90)]
Depth = Annotated[Number, Field(ge=0, le=0.999)]
Pixels = Annotated[Whole, Field(ge=0)]
Lines = Annotated[Whole, Field(ge=1, le=2)]
Weight = Annotated[Number, Field(ge=0)]


@section("cubes")
class CubesSettings(Section):
    """How many cubes there are, and how they are handled."""

    train: Count = Field(default=256, description="cubes that the networks learn from")
    validation: Count = Field(default=32, description="cubes for early stopping and for choosing thresholds")
    test: Count = Field(default=24, description="cubes that the tables are made from")
    batch_size: Count = Field(default=64, description="cubes that one job handles")
    keep: Flag = Field(default=True, description="whether cubes stay when no job needs them any longer")
    compress: Flag = Field(default=False, description="whether dirty cubes are compressed and sky cubes not kept")


def _hours(value: Any) -> Any:
    return f"{value}h" if isinstance(value, (int, float)) and not isinstance(value, bool) else value


# The phase centre and the hour angle are read by astropy in the end; the patterns say on a login node what it takes.
_DIRECTION = "^(J2000|ICRS) +[0-9]{1,2}[h:][0-9]{1,2}[m:][0-9.]+s? +[+-]?[0-9]{1,2}[d:][0-9]{1,2}[m:][0-9.]+s?$"
_HOUR_ANGLE = "^(transit|[+-]?[0-9]+([.][0-9]+)?h)$"
ArrayName = Annotated[
    str,
    Field(min_length=1, description="antenna configuration of casadata, alma/simmos/<array>.cfg, or the path of one"),
]
Direction = Annotated[
    str,
    WithJsonSchema({"type": "string", "pattern": _DIRECTION}),
    Field(description="phase centre, as frame (J2000 or ICRS), right ascension and declination"),
]
HourAngle = Annotated[
    str,
    BeforeValidator(_hours),
    WithJsonSchema({"type": ["string", "number"], "pattern": _HOUR_ANGLE, "minimum": -12, "maximum": 12}),
    Field(description="hour angle of the middle of the observation, transit or hours such as -2h"),
]
Integration = Annotated[Positive, Field(description="length of one integration in s")]
TotalTime = Annotated[Positive, Field(description="length of the whole observation in s")]
Vapour = Annotated[Number, Field(ge=0, description="precipitable water vapour in mm, for the thermal noise")]
_N_CHANNELS, _N_PIXELS = "number of channels", "side of the cubes in px; the phase centre is at pixel n_pixels // 2"


@section("observation")
class SetupSettings(Section):
    """One observing set-up (MNRAS Table 2), of cubes of any size; `cubefocus.instrument.observation.Observation`."""

    array: ArrayName = "alma.cycle9.3"
    direction: Direction = "J2000 03h59m59.96s -34d59m59.50s"
    frequency_ghz: Positive = Field(default=230.0, description="frequency of channel n_channels // 2, in GHz")
    channel_width_mhz: Positive = Field(default=10.0, description="distance between channels in MHz")
    n_channels: Count = Field(default=32, description=_N_CHANNELS)
    n_pixels: Count = Field(default=128, description=_N_PIXELS)
    cell_arcsec: Positive = Field(default=0.1, description="size of a pixel in arcsec")
    integration_s: Integration = 60.0
    total_time_s: TotalTime = 2400.0
    hour_angle: HourAngle = "transit"
    pwv_mm: Vapour = 0.8
    inbright: Positive = Field(
        default=0.001, description="Jy/pixel that the brightest voxel of a sky cube is scaled to"
    )
    pblimit: Share = Field(default=0.2, description="share of the primary beam's peak below which pixels are NaN")

    def __post_init__(self) -> None:
        for problem in of_observation(vars(self)):
            raise CubefocusError(problem)


class Alternative(typing_extensions.TypedDict, total=False):
    """In what a set-up differs from the section ``observation``."""

    __pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[misc]

    array: ArrayName
    direction: Direction
    integration_s: Integration
    total_time_s: TotalTime
    hour_angle: HourAngle
    pwv_mm: Vapour


@section("observation")
class ObservationSettings(SetupSettings):
    """Observing set-ups of an experiment, whose cubes are large enough for the networks."""

    n_channels: Annotated[Whole, Field(ge=4, description=_N_CHANNELS)] = SetupSettings.n_channels
    n_pixels: Annotated[Whole, Field(ge=16, description=_N_PIXELS)] = SetupSettings.n_pixels
    alternatives: tuple[Alternative, ...] = Field(
        default=(),
        description="set-ups of which each cube draws one, each by the keys in which it differs from this section",
    )


SkyTypes = Annotated[
    dict[Annotated[str, OneOf(*SKY_TYPES)], Weight],
    WithJsonSchema(
        {
            "type": "object",
            "additionalProperties": False,
            "properties": {name: {"type": "number", "minimum": 0} for name in SKY_TYPES},
        }
    ),
]


@section("sky")
class SkySettings(Section):
    """Distributions that sources are drawn from (MNRAS Table 1); [lo, hi] are uniform draws."""

    n_sources: Annotated[tuple[Pixels, Pixels], Listed()] = Field(
        default=(2, 5), description="number of sources besides the central one"
    )
    amplitude: PositiveRange = Field(default=(1.0, 5.0), description="continuum amplitude, relative")
    sigma: PositiveRange = Field(default=(1.5, 4.0), description="standard deviations along both axes in px")
    pa: Annotated[tuple[Degrees, Degrees], Listed()] = Field(default=(0.0, 90.0), description="position angle in deg")
    spectral_index: Range = Field(default=(-2.0, 2.0), description="spectral index of the continuum")
    position: Annotated[tuple[Pixels, Pixels], Listed()] = Field(
        default=(28, 100), description="position of the further sources in px, whole numbers with lo <= x < hi"
    )
    line_amplitude: PositiveRange = Field(
        default=(1.0, 5.0), description="amplitude of the line in units of the continuum"
    )
    line_centre: Annotated[tuple[Channels, Channels], Listed()] = Field(
        default=(5.0, 27.0), description="centre of the line in channels"
    )
    line_fwhm: PositiveRange = Field(
        default=(2.0, 5.0), description="full width of the line at half maximum in channels"
    )
    separation: Weight = Field(default=12.0, description="smallest distance between further sources in px")
    types: SkyTypes = Field(
        default_factory=lambda: {"gaussian": 1.0},
        description="weight of each sky type in the draw; a type that is not named has weight 0",
    )
    extra_lines: Annotated[tuple[Lines, Lines], Listed()] = Field(
        default=(1, 2), description="lines besides the first of a multi_line source"
    )
    absorption_depth: Annotated[tuple[Depth, Depth], Listed()] = Field(
        default=(0.3, 0.9),
        description="share of the continuum that is missing at the line centre of an absorption source",
    )
    rotation_velocity: PositiveRange = Field(
        default=(4.0, 9.0), description="velocity of the outer parts of a disc in channels"
    )
    velocity_dispersion: PositiveRange = Field(
        default=(0.5, 1.0), description="standard deviation of the line in one pixel of a disc in channels"
    )
    turnover: PositiveRange = Field(
        default=(0.2, 0.6), description="radius where the rotation of a disc flattens, in units of its larger sigma"
    )
    velocity_gradient: Range = Field(
        default=(0.1, 0.5), description="change of the line centre across a gradient source in channels a px"
    )
    gradient_offset: Range = Field(
        default=(15.0, 75.0),
        description="angle in deg between the direction of the gradient and the axis of its source",
    )
    diffuse_sigma: PositiveRange = Field(
        default=(12.0, 30.0), description="standard deviations of a diffuse source in px"
    )
    diffuse_amplitude: PositiveRange = Field(
        default=(0.2, 1.0), description="continuum amplitude of a diffuse source, relative"
    )
    texture_slope: Range = Field(
        default=(2.0, 3.5), description="slope of the power spectrum of the texture of a diffuse source"
    )
    empty_fraction: Annotated[Number, Field(ge=0, le=1)] = Field(
        default=0.0, description="share of cubes without any source"
    )
    box_level: Share = Field(default=0.15, description="share of the reference that the pixels of a true box reach")
    box_reference: Annotated[str, OneOf("image", "source")] = Field(
        default="image",
        description="reference of box_level, the maximum of the whole integrated image or of the source's own",
    )

    def __post_init__(self) -> None:
        for problem in of_types(vars(self)):
            raise CubefocusError(problem)

    @property
    def ranges(self) -> dict[str, tuple[float, float]]:
        """Uniform draws [lo, hi] by name."""
        return {name: value for name, value in vars(self).items() if isinstance(value, tuple)}

    @property
    def used_types(self) -> dict[str, float]:
        """Probability of each sky type that occurs, in the order of `cubefocus.specs.SKY_TYPES`."""
        total = sum(self.types.values())
        return {name: self.types[name] / total for name in SKY_TYPES if self.types.get(name, 0) > 0}


@section("noise")
class NoiseSettings(Section):
    """Noise of the simulated cubes."""

    thermal: Flag = Field(default=True, description="whether CASA adds thermal noise to the visibilities")
    snr: PositiveRange | None = Field(
        default=(10.0, 30.0),
        description="SNR of the central source in the integrated image that white noise is added for, or null for none",
    )


EngineName = Annotated[str, OneOf(*ENGINES)]


@section("engine")
class EngineSettings(Section):
    """What makes the dirty cubes of each split."""

    train: EngineName = Field(default="fft", description="of the training cubes")
    validation: EngineName = Field(default="fft", description="of the validation cubes")
    test: EngineName = Field(default="casa", description="of the test cubes")


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


def _part(kind: type[Any], description: str) -> Any:
    return Field(default_factory=kind, description=description)


@section("models")
class ModelsSettings(Section):
    """Shapes of the networks."""

    image_size: Annotated[Whole, Field(ge=16, multiple_of=16)] = Field(
        default=128, description="side of Blobs Finder's image in px"
    )
    blobs_finder: BlobsFinderShape = _part(BlobsFinderShape, "autoencoder that finds sources in the integrated image")
    decoras: DecorasShape = _part(DecorasShape, "autoencoder of the finder DECORAS")
    deep_gru: DeepGRUShape = _part(DeepGRUShape, "recurrent network that finds lines in spectra")
    resnet: ResNetShape = _part(ResNetShape, "networks that measure parameters on focused images")


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

    blobs_finder: BlobsFinderTraining = _part(BlobsFinderTraining, "settings of Blobs Finder")
    decoras: DecorasTraining = _part(DecorasTraining, "settings of the network of DECORAS, with either loss")
    deep_gru: DeepGRUTraining = _part(DeepGRUTraining, "settings of Deep GRU")
    resnet: ResNetTraining = _part(ResNetTraining, "settings of the networks for sigma_x, sigma_y, pa and flux")


@section("finetuning")
class FinetuningSection(Section):
    """Training on products cut out with the predictions of the networks upstream."""

    deep_gru: DeepGRUFinetuning = _part(DeepGRUFinetuning, "settings of Deep GRU")
    resnet: ResNetFinetuning = _part(ResNetFinetuning, "settings of the networks for sigma_x, sigma_y, pa and flux")


@section("detection.blobs")
class BlobSettings(Section):
    """Steps 1-2, from Blobs Finder's map to boxes."""

    threshold: Share = Field(default=0.15, description="level of the map above which a pixel belongs to a blob")
    min_pixels: Count = Field(default=1, description="smallest number of pixels of a blob")
    split: Annotated[str, OneOf(*SPLITS)] = Field(
        default="watershed", description="how blobs that touch are told apart: none, or between the maxima of the map"
    )
    split_smoothing: Positive = Field(
        default=1.5, description="px, standard deviation of the smoothing of the map before its maxima are sought"
    )
    split_prominence: Annotated[Number, Field(ge=0, lt=1)] = Field(
        default=0.1,
        description="least depth of the valley between a maximum and a higher one as a share of the maximum",
    )
    field: Annotated[str, OneOf("tiles", "centre")] = Field(
        default="tiles", description="whether tiles cover all pixels with data, or only the central square is searched"
    )
    overlap: Annotated[Number, Field(ge=0, lt=1)] = Field(
        default=0.25, description="overlap of neighbouring tiles as a share of their side"
    )


@section("detection.spectra")
class SpectraSettings(Section):
    """Step 3, from Deep GRU's spectra to line ranges."""

    peak_height: Share = Field(default=0.1, description="lowest peak that is a line")
    peak_prominence: Annotated[Number, Field(ge=0, lt=1)] = Field(
        default=0.0, description="least rise of a peak above its surroundings"
    )


@section("detection.focus")
class FocusSettings(Section):
    """Steps 4-5. ``rise_noise`` is the noise measure in the question whether focusing raises the SNR."""

    size: Annotated[Whole, Field(ge=32, multiple_of=2)] = Field(default=64, description="side of the cut-outs in px")
    snr_noise: Annotated[str, OneOf(*MEASURES)] = Field(
        default="std",
        description="noise measure of the SNR, standard deviation, variance, or scaled median absolute deviation",
    )
    rise_noise: SkipJsonSchema[Annotated[str, OneOf(*MEASURES)]] = "var"
    bright_snr: Positive = Field(default=6.0, description="SNR at which a single peak is kept without a further test")
    min_snr: Weight = Field(default=1.0, description="lowest SNR of a catalogued source")
    min_distance: Weight = Field(default=3.0, description="distance in px above which a further peak is another source")
    min_pixel_snr: Weight = Field(default=4.0, description="least SNR of the brightest pixel of a further source")
    regrow_primary: Flag = Field(
        default=True, description="whether the brightest source of a blend gets a box of its own"
    )


@section("detection.flux")
class FluxSettings(Section):
    """Steps 7-8, masks and line images."""

    dilation: Annotated[Number, Field(ge=1)] = Field(
        default=1.5, description="factor on the extents of a source's 3D model"
    )


@section("detection.fit")
class FitSettings(Section):
    """The fit of all sources of a cube through the dirty beam: significances, square roots of a chi^2 explained."""

    search: Positive = Field(default=5.5, description="significance of a peak of the residual that is fitted as well")
    keep: Positive = Field(default=7.0, description="significance of a source that is kept, unless it is tuned")
    line: Positive = Field(default=5.0, description="significance of a line that a source keeps, or of a further one")
    most: Count = Field(default=100, description="sources of a cube at most")


Proposals = Annotated[
    tuple[Annotated[str, OneOf(*PROPOSERS)], ...],
    Field(
        min_length=1,
        description="what tells how far voxels stand out of the noise: matched, a bank of templates; network, the one "
        "that is shipped; of both the higher",
        json_schema_extra={"uniqueItems": True},
    ),
]


@section("search")
class SearchSettings(Section):
    """The search of a restored cube: signal-to-noise ratios of the best template."""

    link: Positive = Field(default=4.0, description="significance of the voxels that are linked to islands")
    least: Positive = Field(default=5.0, description="significance that every source has at least")
    purity: Share = Field(
        default=0.95, description="share of the sources that are true, as the islands of the cube times -1 tell"
    )
    line: Positive = Field(default=5.0, description="significance of a line that a source keeps")
    memory: Positive = Field(
        default=4.0, description="GB that the search may take; a cube that needs more is searched in parts"
    )
    proposals: Proposals = ("matched",)


@section("detection")
class DetectionSettings(Section):
    """All settings of the chain; a rest frequency gives velocities and redshifts."""

    blobs: BlobSettings = _part(BlobSettings, "from Blobs Finder's map to boxes")
    spectra: SpectraSettings = _part(SpectraSettings, "from Deep GRU's spectra to line ranges")
    focus: FocusSettings = _part(FocusSettings, "focusing, false detections and deblending")
    flux: FluxSettings = _part(FluxSettings, "masks and line images")
    fit: FitSettings = _part(FitSettings, "fit of all sources of a cube through the dirty beam")
    rest_frequency_ghz: Positive | None = Field(
        default=None,
        description="rest frequency of the line in GHz; null: that of the cube's header (RESTFRQ), where it has one",
    )


@section("finders")
class FindersSettings(Section):
    """Other ways to find sources, for comparison."""

    methods: Annotated[tuple[Annotated[str, OneOf(*FINDERS)], ...], Field(json_schema_extra={"uniqueItems": True})] = (
        Field(
            ("threshold", "blobcat", "bdsf", "aegean", "decoras", "matched_filter"),
            description="those that are run, each tuned on the validation split",
        )
    )
    tuning_cubes: Count = Field(
        default=8, description="validation cubes on which the parameters of slow finders are chosen"
    )
    inverted_cubes: Count = Field(
        default=8, description="test cubes that slow finders and the fit search times -1 as well"
    )


class Criterion(TypedDict):
    """Keyword arguments of `cubefocus.tables.matching.match`."""

    iou: float | None
    distance: float
    line_iou: float | None


Overlap = Annotated[Number, Field(gt=0, le=1)]


@section("evaluation")
class EvaluationSettings(Section):
    """When a prediction counts as a detection (MNRAS 5.1; the ECML paper takes an IoU of 0.8), and the intervals."""

    iou: Overlap = Field(default=0.6, description="smallest overlap of the boxes of a match")
    distance: Positive = Field(default=3.0, description="distance of the centres in px below which boxes can match")
    line_iou: Overlap = Field(default=0.6, description="smallest overlap of the line ranges of a match")
    interval: Share = Field(default=0.68, description="confidence of the intervals")
    bootstrap: Annotated[Whole, Field(ge=10)] = Field(default=1000, description="number of resamplings")

    def criterion(self, with_line: bool = False, with_box: bool = True) -> Criterion:
        """Keyword arguments of `cubefocus.tables.matching.match` for a method that finds lines and boxes or not."""
        return {
            "iou": self.iou if with_box else None,
            "distance": self.distance,
            "line_iou": self.line_iou if with_line else None,
        }

    def describe(self, with_line: bool = False, with_box: bool = True) -> str:
        """The criterion in words, for a table."""
        parts = [f"IoU >= {self.iou:g}"] if with_box else []
        parts += [f"centres < {self.distance:g} px"]
        parts += [f"line IoU >= {self.line_iou:g}"] if with_line else []
        return ", ".join(parts)


Name = Annotated[str, Field(pattern="^[A-Za-z0-9][A-Za-z0-9_.-]*$")]  # of a folder below results/


@section("")
class AlmaSettings(Section):
    """A whole config of the study ``alma``."""

    experiment: Name = Field(
        default="demo",
        description="name of the experiment, of letters, digits, '_', '-' and '.'; results go to results/<experiment>/",
    )
    study: Annotated[str, OneOf(*STUDIES)] = Field(
        default=STUDIES[0],
        description="what is studied, which decides the stages of the workflow and the keys of the config",
    )
    trained_by: Name | None = Field(
        default=None,
        description="name (letters, digits, '_', '-', '.') of the experiment whose networks, thresholds and tuned "
        "finders are used; only the test cubes are made then, and nothing is trained or tuned",
    )
    seed: Annotated[Whole, Field(ge=0)] = Field(default=1, description="seed of everything random")
    cubes: CubesSettings = _part(CubesSettings, "how many cubes there are, and how they are handled")
    observation: ObservationSettings = _part(ObservationSettings, "observing set-up (MNRAS Table 2)")
    sky: SkySettings = _part(SkySettings, "distributions that sources are drawn from (MNRAS Table 1)")
    noise: NoiseSettings = _part(NoiseSettings, "noise of the simulated cubes")
    engine: EngineSettings = _part(EngineSettings, "what makes the dirty cubes of each split")
    models: ModelsSettings = _part(ModelsSettings, "shapes of the networks")
    training: TrainingSection = _part(TrainingSection, "training on products cut out with the true parameters")
    finetuning: FinetuningSection = _part(
        FinetuningSection, "training on products cut out with the predictions of the networks upstream"
    )
    detection: DetectionSettings = _part(DetectionSettings, "the chain that finds and measures sources")
    finders: FindersSettings = _part(FindersSettings, "other ways to find sources, for comparison")
    evaluation: EvaluationSettings = _part(EvaluationSettings, "matching and intervals")

    def __post_init__(self) -> None:
        for problem in of_experiment(self.to_dict()):
            raise CubefocusError(problem)


FilePath = Annotated[str, Field(min_length=1)]
Files = Annotated[tuple[FilePath, ...], Field(json_schema_extra={"uniqueItems": True})]


@section("")
class DetectSettings(Section):
    """A whole config of the study ``detect``."""

    experiment: Name = Field(
        default="found",
        description="name of the list, of letters, digits, '_', '-' and '.'; results go to results/<experiment>/",
    )
    study: Annotated[str, OneOf(*STUDIES)] = Field(
        default="detect",
        description="what is studied, which decides the stages of the workflow and the keys of the config",
    )
    cubes: Files = Field(default=(), description="FITS cubes to search, one job each; none is searched twice")
    psf: tuple[FilePath, ...] = Field(
        default=(), description="dirty beam of each cube, in their order; none for cubes that were restored by CLEAN"
    )
    pb: tuple[FilePath, ...] = Field(
        default=(), description="primary beam of each cube, in their order; none for cubes that were divided by it"
    )
    purity: Share = Field(default=0.95, description="share of the sources of a restored cube that are to be true")
    proposals: Proposals = SearchSettings.proposals
    rest_frequency_ghz: Positive | None = Field(
        default=None, description="rest frequency of the line in GHz; null: that of each header"
    )
    memory: Positive = Field(
        default=4.0, description="GB that the search of a cube may take; one that needs more is searched in parts"
    )
    pictures: Flag = Field(default=True, description="whether PNG files and pages are made")


class Setup(typing_extensions.TypedDict, total=False):
    """An observing set-up of the study ``general``, by what differs from the section ``observation``."""

    __pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[misc]

    array: ArrayName
    direction: Direction
    frequency_ghz: Annotated[Positive, Field(description="frequency of channel n_channels // 2, in GHz")]
    channel_width_mhz: Annotated[Positive, Field(description="distance between channels in MHz")]
    n_channels: Annotated[Count, Field(description="number of channels")]
    n_pixels: Annotated[Count, Field(description="side of the images in px")]
    cell_arcsec: Annotated[Positive, Field(description="size of a pixel in arcsec")]
    integration_s: Integration
    total_time_s: TotalTime
    hour_angle: HourAngle
    pwv_mm: Vapour


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
    observation: SetupSettings = _part(SetupSettings, "what the set-ups share")
    train: tuple[Setup, ...] = Field(
        default=(), description="set-ups that the network learns from, each by the keys in which it differs"
    )
    heldout: tuple[Setup, ...] = Field(
        default=(), description="set-ups of the cubes on which the proposers are compared, in the same form"
    )
    draws: DrawSettings = _part(DrawSettings, "images that the network learns from")
    network: ProposerShape = _part(ProposerShape, "shape of the network")
    training: ProposerTraining = _part(ProposerTraining, "training of the network")
    comparison: ComparisonSettings = _part(ComparisonSettings, "cubes on which the proposers are compared")


CONFIGS: Mapping[str, type[Section]] = {
    "alma": AlmaSettings,
    "detect": DetectSettings,
    "general": GeneralSettings,
}
"""The config of each study of `cubefocus.specs.STUDIES`."""
