"""All sky types by name, and the settings of a sky: which draws a catalogue is made from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cubefocus.errors import CubefocusError
from cubefocus.sky.base import SkyType
from cubefocus.sky.columns import CATALOGUE
from cubefocus.sky.diffuse import Diffuse
from cubefocus.sky.kinematics import Disc, Gradient
from cubefocus.sky.separable import Absorption, Gaussian, MultiLine, Point
from cubefocus.tables.columns import Column

SKY_TYPES: dict[str, SkyType] = {
    kind.name: kind for kind in (Gaussian(), Point(), Disc(), MultiLine(), Absorption(), Gradient(), Diffuse())
}

PAPER_RANGES: dict[str, tuple[float, float]] = {
    "n_sources": (2, 5),
    "amplitude": (1.0, 5.0),
    "sigma": (2.0, 8.0),
    "pa": (0.0, 90.0),
    "spectral_index": (-2.0, 2.0),
    "position": (100, 250),
    "line_amplitude": (1.0, 5.0),
    "line_centre": (10.0, 110.0),
    "line_fwhm": (3.0, 10.0),
}
"""Draws of MNRAS Table 1."""

KNOWN_RANGES = PAPER_RANGES | {name: pair for kind in SKY_TYPES.values() for name, pair in kind.ranges.items()}
POSITIVE = ("amplitude", "sigma", "line_fwhm", "diffuse_sigma", "diffuse_amplitude", "rotation_velocity",
            "velocity_dispersion", "turnover")  # fmt: skip
WHOLE = ("n_sources", "position", "extra_lines")
LIMITS = {
    "n_sources": (0, math.inf),
    "position": (0, math.inf),
    "extra_lines": (1, 2),
    "absorption_depth": (0.0, 0.999),
    "pa": (0.0, 90.0),
}


@dataclass(frozen=True)
class SkySettings:
    """Section ``sky`` of a config file; the defaults are those of MNRAS Table 1.

    Attributes
    ----------
    ranges : mapping
        Uniform draws [low, high] by name. Whole numbers: n_sources and extra_lines include both ends, position
        leaves out the upper one.
    separation : float
        Smallest distance between two sources besides the central one, in pixels.
    types : mapping
        Weight of each sky type.
    empty_fraction : float
        Share of the cubes that hold no source.
    box_level : float
        Level of the true box as a share of the reference's maximum.
    box_reference : str
        ``image`` or ``source``: whose maximum the level refers to.
    """

    ranges: Mapping[str, tuple[float, float]] = field(default_factory=lambda: dict(KNOWN_RANGES))
    separation: float = 20.0
    types: Mapping[str, float] = field(default_factory=lambda: {"gaussian": 1.0})
    empty_fraction: float = 0.0
    box_level: float = 0.15
    box_reference: str = "image"

    def __post_init__(self) -> None:
        for name, pair in self.ranges.items():
            _check_range(name, pair)
        _require("separation", self.separation, _number(self.separation) and self.separation >= 0, "0 or more pixels")
        _require("empty_fraction", self.empty_fraction,
                 _number(self.empty_fraction) and 0 <= self.empty_fraction <= 1, "between 0 and 1")  # fmt: skip
        _require("box_level", self.box_level, _number(self.box_level) and 0 < self.box_level < 1, "between 0 and 1")
        _require("box_reference", self.box_reference, self.box_reference in ("image", "source"), "image or source")
        self._check_types()

    def _check_types(self) -> None:
        known = f"a mapping of sky types ({', '.join(SKY_TYPES)}) to weights of 0 or more, not all 0"
        _require("types", self.types, isinstance(self.types, Mapping) and set(self.types) <= set(SKY_TYPES), known)
        weights = list(self.types.values())
        _require("types", self.types, all(_number(w) and w >= 0 for w in weights) and sum(weights) > 0, known)

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> SkySettings:
        """Read the section; keys that are not given keep their defaults.

        Raises
        ------
        CubefocusError
            If a key is unknown or a value is out of its range; the message names it.
        """
        others = {name: value for name, value in values.items() if name not in KNOWN_RANGES}
        unknown = sorted(set(others) - set(cls.__dataclass_fields__) | (set(others) & {"ranges"}))
        if unknown:
            known = (*KNOWN_RANGES, *(name for name in cls.__dataclass_fields__ if name != "ranges"))
            raise CubefocusError(f"sky: unknown key {', '.join(unknown)}; known are {', '.join(known)}")
        given = {name: _pair(name, value) for name, value in values.items() if name in KNOWN_RANGES}
        return cls(ranges=KNOWN_RANGES | given, **others)

    @property
    def used_types(self) -> dict[str, float]:
        """Probability of each sky type that occurs, in the order of the registry."""
        total = sum(self.types.values())
        return {name: self.types[name] / total for name in SKY_TYPES if self.types.get(name, 0) > 0}

    @property
    def columns(self) -> tuple[Column, ...]:
        """Columns of a catalogue: the common ones and those of the types that occur."""
        return CATALOGUE + tuple(info for name in self.used_types for info in SKY_TYPES[name].columns)


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _require(name: str, value: Any, holds: bool, wanted: str) -> None:
    if not holds:
        raise CubefocusError(f"sky: {name} is {value!r}; it must be {wanted}")


def _pair(name: str, value: Any) -> tuple[float, float]:
    whole = isinstance(value, (list, tuple)) and len(value) == 2 and all(_number(end) for end in value)
    _require(name, value, whole, "a range of two numbers [low, high]")
    return value[0], value[1]


def _check_range(name: str, pair: tuple[float, float]) -> None:
    low, high = pair
    _require(name, list(pair), low <= high, "a range [low, high] with low at most high")
    if name in POSITIVE:
        _require(name, list(pair), low > 0, "a range above 0")
    if name in LIMITS:
        least, most = LIMITS[name]
        _require(name, list(pair), least <= low and high <= most, f"a range within [{least}, {most}]")
    if name in WHOLE:
        _require(name, list(pair), low == int(low) and high == int(high), "a range of whole numbers")
