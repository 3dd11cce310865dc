"""The config of the study ``eso``, and the settings of ``cubefocus resolve``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from cubefocus.sections import Count, Flag, Listed, Number, OneOf, Positive, Section, Whole, section
from cubefocus.settings.kinds import Name, part
from cubefocus.settings.observation import ArrayName, Direction, HourAngle, Integration, TotalTime, Vapour
from cubefocus.specs import COMPONENT_SKIES, INFERENCES, STUDIES, WEIGHTINGS

Spread = Annotated[tuple[Number, Positive], Listed(ordered=False)]
ONCE = {"uniqueItems": True}


@section("sky.components")
class Component(Section):
    """An elliptical Gaussian on the sky."""

    peak: Number = Field(description="brightness at its centre in Jy/arcsec2; negative: a decrement")
    major_arcsec: Positive = Field(description="FWHM of the major axis in arcsec")
    minor_arcsec: Positive = Field(description="FWHM of the minor axis in arcsec")
    pa_deg: Annotated[Number, Field(ge=-180, le=180)] = Field(
        default=0.0, description="position angle of the major axis in deg, north through east"
    )
    east_arcsec: Number = Field(default=0.0, description="offset to the east of the phase centre in arcsec")
    north_arcsec: Number = Field(default=0.0, description="offset to the north of the phase centre in arcsec")


# Peaks of the first three are those of Table 2 of the report. Its Fig. 10 shows where they lie, without axes; the sizes
# are those at which a beam of 0.8 arcsec keeps of each peak what tclean kept with natural weights (0.72, 0.93, 0.98).
_COMPONENTS = (
    Component(peak=34.11, major_arcsec=1.35, minor_arcsec=1.15, pa_deg=30.0, east_arcsec=-4.0, north_arcsec=3.0),
    Component(peak=23.31, major_arcsec=3.2, minor_arcsec=2.4, pa_deg=120.0, east_arcsec=5.0, north_arcsec=4.0),
    Component(peak=16.69, major_arcsec=5.4, minor_arcsec=4.2, pa_deg=60.0, east_arcsec=4.0, north_arcsec=-6.0),
    Component(peak=6.0, major_arcsec=6.0, minor_arcsec=3.0, pa_deg=150.0, east_arcsec=-7.0, north_arcsec=-6.0),
    Component(peak=3.0, major_arcsec=8.0, minor_arcsec=5.0, pa_deg=10.0, east_arcsec=-2.0, north_arcsec=10.0),
)


@section("sky")
class ComponentsSettings(Section):
    """The sky that is observed, where there are no data of a user's own."""

    kind: Annotated[str, OneOf(*COMPONENT_SKIES)] = Field(
        default="components", description="components: Gaussians; disc: a protoplanetary disc with rings"
    )
    components: tuple[Component, ...] = Field(
        default=_COMPONENTS, description="Gaussians, brightest peak first (Fig. 5 and Table 2 of the report)"
    )
    spectral_index: Number = Field(default=0.0, description="of the whole sky, about the frequency of the observation")


@section("image")
class GridSettings(Section):
    """Grid of the images."""

    size: Annotated[Whole, Field(ge=32, multiple_of=2)] = Field(default=512, description="side of the image in px")
    cell_arcsec: Positive = Field(default=0.1, description="size of a pixel in arcsec")


@section("observation")
class ContinuumSettings(Section):
    """Observation of one field in the continuum, by CASA."""

    array: ArrayName = "alma.cycle9.3"
    direction: Direction = "J2000 03h59m59.96s -34d59m59.50s"
    frequency_ghz: Positive = Field(default=230.0, description="centre of all windows in GHz")
    windows: Count = Field(default=1, description="spectral windows, each averaged into one channel")
    spacing_ghz: Positive = Field(default=2.0, description="distance between the centres of windows in GHz")
    bandwidth_mhz: Positive = Field(
        default=0.0305, description="width of a window in MHz, which decides the noise (0.0305: ALMA's finest)"
    )
    integration_s: Integration = 120.0
    total_time_s: TotalTime = 3600.0
    hour_angle: HourAngle = "transit"
    pwv_mm: Vapour = 0.8


@section("data")
class DataSettings(Section):
    """Calibrated visibilities of a user's own, in place of a simulated sky."""

    ms: str = Field(default="", description="Measurement Set; none: the sky of this config is observed")
    windows: tuple[Annotated[Whole, Field(ge=0)], ...] = Field(
        default=(), description="numbers of spectral windows that are used; none: all of them"
    )
    field_id: Annotated[Whole, Field(ge=0)] = Field(default=0, description="number of the field that is imaged")


@section("prior")
class PriorSettings(Section):
    """What is assumed of the sky: [mean, standard deviation] of each parameter (Tables 1 and 3 of the report)."""

    offset: Number = Field(
        default=20.0,
        description="mean of the logarithm of the sky in Jy/sr, the level of a dark sky (26 in Table 1: 4.6 "
        "Jy/arcsec2, which stays in the image where no baseline sees it)",
    )
    zero_mode: Spread = Field(default=(1.0, 0.1), description="standard deviation of the whole image's level")
    fluctuations: Spread = Field(default=(5.0, 1.0), description="standard deviation of the logarithm over the image")
    slope: Spread = Field(
        default=(-4.0, 2.0), description="slope of the power spectrum in double logarithms (-2 and 0.5 in Table 1)"
    )
    flexibility: Spread = Field(default=(1.2, 0.4), description="how far the spectrum leaves a power law")
    asperity: Spread = Field(default=(0.2, 0.2), description="how rough it is where it does")
    points: Flag = Field(default=False, description="point sources in each pixel beside the extended sky")
    points_alpha: Positive = Field(default=0.5, description="shape of their inverse gamma distribution")
    points_scale: Positive = Field(default=1e-3, description="scale of their inverse gamma distribution, Jy")
    signed: Flag = Field(default=False, description="the sky may be negative: no logarithm, brightness of any sign")
    signed_scale: Positive = Field(
        default=1.0, description="standard deviation of a signed sky in units of exp(offset) for fluctuations of 1"
    )
    index: Spread = Field(default=(0.0, 2.0), description="spectral index, where there are several windows")


@section("inference")
class InferenceSettings(Section):
    """How the posterior is inferred."""

    method: Annotated[str, OneOf(*INFERENCES)] = Field(
        default="geovi", description="geovi: geometric, mgvi: metric Gaussian variational inference"
    )
    rounds: Count = Field(default=30, description="rounds of drawing samples and moving their mean")
    samples: Count = Field(default=4, description="pairs of samples in a round; the last one draws four times as many")
    weights: Flag = Field(default=True, description="learn the noise in bins of baseline length")
    weight_bins: Count = Field(default=8, description="bins of baseline length, with as many visibilities each")
    chi2: Annotated[tuple[Positive, Positive], Listed()] = Field(
        default=(0.8, 1.2), description="reduced chi2 of an inference that has converged"
    )
    change: Positive = Field(
        default=0.5,
        description="rms change of the mean in a round, in its deviations, of a converged one; by brightness",
    )
    threads: Count = Field(default=1, description="threads of the gridder; more than two give little")


@section("tclean")
class CleanSettings(Section):
    """CLEAN of the same visibilities, by CASA."""

    weightings: Annotated[tuple[Annotated[str, OneOf(*WEIGHTINGS)], ...], Field(json_schema_extra=ONCE)] = Field(
        default=WEIGHTINGS, description="weightings, an image each"
    )
    robust: Annotated[Number, Field(ge=-2, le=2)] = Field(default=0.5, description="of Briggs' weights")
    niter: Count = Field(default=20000, description="components at most")
    threshold_mjy: Positive = Field(
        default=16.5, description="residual at which it ends in mJy/beam (16.5: three times the noise)"
    )


@section("coverage")
class CoverageSettings(Section):
    """Skies of random components, to see how often the truth lies within the stated errors."""

    skies: Annotated[Whole, Field(ge=0)] = Field(default=0, description="number of skies; 0: none")
    noise_seeds: Count = Field(default=10, description="seeds of the noise, taken in turn")
    size: Annotated[Whole, Field(ge=32, multiple_of=2)] = Field(default=128, description="side of their images in px")
    components: Count = Field(default=5, description="Gaussians in each")
    peak: Annotated[tuple[Positive, Positive], Listed()] = Field(
        default=(3.0, 35.0), description="their peaks in Jy/arcsec2, log-uniform"
    )
    fwhm_arcsec: Annotated[tuple[Positive, Positive], Listed()] = Field(
        default=(0.4, 2.0), description="FWHM of their major axes in arcsec, log-uniform"
    )
    axis_ratio: Annotated[tuple[Positive, Positive], Listed()] = Field(
        default=(0.5, 1.0), description="minor over major axis, uniform"
    )
    rounds: Count = Field(default=10, description="rounds of the inference, in place of inference.rounds")


@section("")
class EsoSettings(Section):
    """A whole config of the study ``eso``."""

    experiment: Name = Field(
        default="eso",
        description="name of the experiment, of letters, digits, '_', '-' and '.'; results go to results/<experiment>/",
    )
    study: Annotated[str, OneOf(*STUDIES)] = Field(
        default="eso",
        description="what is studied, which decides the stages of the workflow and the keys of the config",
    )
    seed: Annotated[Whole, Field(ge=0)] = Field(default=1, description="seed of everything random")
    data: DataSettings = part(DataSettings, "calibrated visibilities of a user's own")
    sky: ComponentsSettings = part(ComponentsSettings, "the sky that is observed, where there are none")
    image: GridSettings = part(GridSettings, "grid of the images")
    observation: ContinuumSettings = part(ContinuumSettings, "observation of one field in the continuum, by CASA")
    prior: PriorSettings = part(PriorSettings, "what is assumed of the sky")
    inference: InferenceSettings = part(InferenceSettings, "how the posterior is inferred")
    tclean: CleanSettings = part(CleanSettings, "CLEAN of the same visibilities, by CASA")
    coverage: CoverageSettings = part(CoverageSettings, "skies of random components")
