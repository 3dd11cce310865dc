"""The config of the study ``lofar``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from cubefocus.sections import Count, Number, OneOf, Positive, Section, Whole, section
from cubefocus.settings.detect import Files
from cubefocus.settings.kinds import Name, Share, part
from cubefocus.settings.networks import BatchSize, Epochs, LearningRate, Rate, TrainingSettings
from cubefocus.specs import DATASETS, DENOISERS, STUDIES

TilesAugment = Annotated[
    bool | str,
    OneOf(True, False, "dihedral"),
    Field(description="random flips and right-angle rotations of the tiles: true, false, or their name"),
]


@section("images")
class ImagesSettings(Section):
    """How many skies there are, and how large their images."""

    train: Count = Field(default=40, description="skies that the networks learn from")
    validation: Count = Field(default=8, description="skies of the validation loss")
    test: Count = Field(default=12, description="skies that the tables are made from")
    size: Annotated[Whole, Field(ge=64, multiple_of=32)] = Field(default=1024, description="side of an image in px")
    cell_arcsec: Positive = Field(default=2.0, description="size of a pixel in arcsec")
    tile: Annotated[Whole, Field(ge=32, multiple_of=32)] = Field(
        default=128, description="side in px of the tiles that the networks learn from"
    )
    batch_size: Count = Field(default=4, description="images that one job makes")


@section("sky")
class WebSettings(Section):
    """Mock skies of the cosmic web, or a user's own."""

    files: Files = Field(
        default=(),
        description="FITS images of skies: of training first, then validation and test; none: skies are simulated",
    )
    boxes: Count = Field(
        default=2,
        description="N-body runs that slices are cut out of, by seeds; the last quarter is for test skies",
    )
    box_mpc: Positive = Field(default=100.0, description="side of a box in Mpc, comoving")
    particles: Annotated[Whole, Field(ge=16)] = Field(default=128, description="particles along each side of a box")
    mesh: Annotated[Whole, Field(ge=16)] = Field(default=256, description="cells along each side for the gravity")
    steps: Count = Field(default=40, description="steps in time")
    slices: Count = Field(default=4, description="slices of boxes that are stacked along the line of sight")
    redshift: Annotated[Number, Field(gt=0, le=1)] = Field(default=0.15, description="redshift of the farthest slice")


@section("observation")
class LofarSettings(Section):
    """Observation by LOFAR."""

    frequency_mhz: Positive = Field(default=150.0, description="frequency in MHz")
    declination_deg: Annotated[Number, Field(gt=-30, le=90)] = Field(
        default=52.9, description="declination of the phase centre in deg"
    )
    hours: Annotated[Number, Field(gt=0, le=12)] = Field(
        default=8.0, description="length of the observation, at transit"
    )
    integration_s: Positive = Field(default=60.0, description="integration time in s")
    noise_mjy: Positive = Field(default=0.1, description="noise in mJy/beam")
    beam_arcsec: Positive = Field(default=6.0, description="FWHM of the beam of noise and clean images in arcsec")
    robust: Annotated[Number, Field(ge=-2, le=2)] = Field(default=0.0, description="robustness of Briggs' weights")


@section("autoencoder")
class AutoencoderShape(Section):
    """Shape of the denoising autoencoder of Gheller & Vazza (2022)."""

    maps: Annotated[tuple[Count, ...], Field(min_length=1, max_length=5)] = Field(
        default=(32, 64), description="feature maps of each level of the encoder; the decoder is its mirror"
    )
    neurons: Count = Field(default=200, description="neurons of the dense layer between both")
    identity_neurons: Count = Field(default=400, description="the same where the images are the skies themselves")
    kernel: Annotated[int, OneOf(3, 5)] = Field(default=3, description="side of the convolutions in px")


@section("residual")
class ResidualShape(Section):
    """Shape of the residual, fully convolutional network."""

    widths: Annotated[tuple[Count, ...], Field(min_length=2, max_length=5)] = Field(
        default=(16, 24, 32, 48), description="feature maps of each level"
    )


@section("training.autoencoder")
class AutoencoderTraining(TrainingSettings):
    """Training of the autoencoder; the defaults are those of the paper."""

    epochs: Epochs = 100
    imaged_epochs: Epochs = Field(default=500, description="epochs on dirty and clean images instead")
    batch_size: BatchSize = 50
    learning_rate: LearningRate = 1e-4
    warmup_iterations: Annotated[Whole, Field(ge=0)] = Field(
        default=0, description="steps in which the learning rate rises linearly from 0"
    )
    decay: Annotated[str, OneOf("none", "cosine")] = Field(
        default="none",
        description="what the learning rate does after the warm-up, none or cosine to 0 at the last epoch",
    )
    augment: TilesAugment = False


@section("training.residual")
class ResidualTraining(TrainingSettings):
    """Training of the residual network."""

    epochs: Epochs = 100
    imaged_epochs: Epochs = Field(default=100, description="epochs on dirty and clean images instead")
    batch_size: BatchSize = 16
    learning_rate: LearningRate = 2e-3
    augment: TilesAugment = True


@section("training")
class DenoiserTraining(Section):
    """Training of the networks."""

    autoencoder: AutoencoderTraining = part(AutoencoderTraining, "settings of the autoencoder")
    residual: ResidualTraining = part(ResidualTraining, "settings of the residual network")


@section("evaluation")
class DenoisedSettings(Section):
    """How denoised images are compared with their skies."""

    brightest: Share = Field(default=0.001, description="share of the brightest pixels whose dimming is measured")
    gaussian_px: Positive = Field(default=3.0, description="standard deviation of the Gaussian filter in px")
    fft_cutoff: Annotated[Number, Field(gt=0, le=0.5)] = Field(
        default=0.1, description="highest frequency that the FFT filter keeps, cycles a px"
    )


Dataset = Annotated[str, OneOf(*DATASETS)]
ONCE = {"uniqueItems": True}
Datasets = Annotated[tuple[Dataset, ...], Field(min_length=1, json_schema_extra=ONCE)]
Denoisers = Annotated[tuple[Annotated[str, OneOf(*DENOISERS)], ...], Field(min_length=1, json_schema_extra=ONCE)]


@section("sweep")
class SweepSettings(Section):
    """Grids of hyper-parameters of the autoencoder; the defaults are those of the paper, Appendix A and B.

    ``levels``, ``neurons`` and ``kernels`` are tried on the dataset ``identity`` alone, with the learning rate, batch
    size and epochs of ``training.autoencoder``; ``learning_rates``, ``batch_sizes`` and ``epochs`` on each dataset,
    with the network of section ``autoencoder``.
    """

    datasets: Annotated[tuple[Dataset, ...], Field(json_schema_extra=ONCE)] = Field(
        default=(),
        description="kinds of images that hyper-parameters of the autoencoder are tried on; none: there is no sweep",
    )
    ranks: Count = Field(
        default=1,
        description="MPI ranks of a sweep, of which one hands out the trials and the others train one each at a time, "
        "on a GPU or a core; 1: one trial after the other, without MPI. `tasks` of a profile replaces it",
    )
    maps: Annotated[tuple[Count, ...], Field(min_length=1, max_length=5)] = Field(
        default=(32, 64, 64, 128), description="feature maps of the levels; a network of n levels has the first n"
    )
    levels: Annotated[tuple[Count, ...], Field(min_length=1, json_schema_extra=ONCE)] = Field(
        default=(2, 3, 4), description="numbers of levels that are tried, on the dataset identity"
    )
    neurons: Annotated[tuple[Count, ...], Field(min_length=1, json_schema_extra=ONCE)] = Field(
        default=(50, 100, 200, 400), description="numbers of neurons of the dense layer that are tried with each"
    )
    kernels: Annotated[tuple[Annotated[int, OneOf(3, 5)], ...], Field(min_length=1, json_schema_extra=ONCE)] = Field(
        default=(3, 5), description="sides of the convolutions in px that are tried with each"
    )
    learning_rates: Annotated[tuple[Rate, ...], Field(min_length=1, json_schema_extra=ONCE)] = Field(
        default=(0.1, 0.01, 0.001, 0.0001, 0.00005, 0.00001), description="learning rates that are tried"
    )
    batch_sizes: Annotated[tuple[Count, ...], Field(min_length=1, json_schema_extra=ONCE)] = Field(
        default=(25, 50, 100, 150, 200), description="tiles in one step that are tried with each"
    )
    epochs: Annotated[tuple[Count, ...], Field(min_length=1, json_schema_extra=ONCE)] = Field(
        default=(50, 100, 300, 500),
        description="numbers of epochs after which each is looked at; a longer training continues the shorter one",
    )


@section("")
class LofarStudySettings(Section):
    """A whole config of the study ``lofar``."""

    experiment: Name = Field(
        default="lofar",
        description="name of the experiment, of letters, digits, '_', '-' and '.'; results go to results/<experiment>/",
    )
    study: Annotated[str, OneOf(*STUDIES)] = Field(
        default="lofar",
        description="what is studied, which decides the stages of the workflow and the keys of the config",
    )
    seed: Annotated[Whole, Field(ge=0)] = Field(default=1, description="seed of everything random")
    datasets: Datasets = Field(
        default=("identity", "noise", "dirty"), description="kinds of images that networks are trained for, one each"
    )
    networks: Denoisers = Field(default=("autoencoder", "residual"), description="networks that are trained")
    images: ImagesSettings = part(ImagesSettings, "how many skies there are, and how large their images")
    sky: WebSettings = part(WebSettings, "mock skies of the cosmic web, or a user's own")
    observation: LofarSettings = part(LofarSettings, "observation by LOFAR")
    autoencoder: AutoencoderShape = part(AutoencoderShape, "denoising autoencoder of Gheller & Vazza (2022)")
    residual: ResidualShape = part(ResidualShape, "residual, fully convolutional network")
    training: DenoiserTraining = part(DenoiserTraining, "training of the networks")
    evaluation: DenoisedSettings = part(DenoisedSettings, "how denoised images are compared with their skies")
    sweep: SweepSettings = part(SweepSettings, "grids of hyper-parameters that the autoencoder is trained with")
