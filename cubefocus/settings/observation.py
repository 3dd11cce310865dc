"""The observing set-up."""

from __future__ import annotations

from typing import Annotated, Any

import typing_extensions
from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema

from cubefocus.contradictions import of_observation
from cubefocus.errors import CubefocusError
from cubefocus.sections import Count, Number, Positive, Section, Whole, section
from cubefocus.settings.kinds import Share


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
