"""What is in the sky, the noise, and what makes the cubes."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, WithJsonSchema

from cubefocus.contradictions import of_types
from cubefocus.errors import CubefocusError
from cubefocus.sections import Flag, Listed, Number, OneOf, Section, section
from cubefocus.settings.kinds import (
    ENGINES,
    Channels,
    Degrees,
    Depth,
    Lines,
    Pixels,
    PositiveRange,
    Range,
    Share,
    Weight,
)
from cubefocus.specs import SKY_TYPES

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
