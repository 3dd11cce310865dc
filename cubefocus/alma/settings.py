"""Settings of the detection chain: one dataclass a stage, checked when they are made."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from cubefocus.errors import CubefocusError

T = TypeVar("T")
MEASURES = ("std", "var", "mad")
SPLITS = ("none", "watershed")


@dataclass(frozen=True)
class BlobSettings:
    """Step 1-2. ``threshold`` on the probability; blobs of fewer than ``min_pixels`` are dropped; ``split``: ``none``
    leaves touching blobs as one, ``watershed`` parts them between the maxima of the map, sharpened and smoothed by a
    Gaussian of standard deviation ``split_smoothing`` (px), that rise by ``split_prominence``, a share of their
    height, above the valley to a higher one; ``field``: ``tiles`` covers all pixels that hold data, ``centre`` takes
    only the central square that the network was trained on; ``overlap`` of neighbouring tiles as a fraction.
    """

    threshold: float = 0.15
    min_pixels: int = 1
    split: str = "none"
    split_smoothing: float = 1.5
    split_prominence: float = 0.1
    field: str = "tiles"
    overlap: float = 0.25


@dataclass(frozen=True)
class SpectraSettings:
    """Step 3. Least height, and least rise above its surroundings, of a peak in the cleaned spectrum."""

    peak_height: float = 0.1
    peak_prominence: float = 0.0


@dataclass(frozen=True)
class FocusSettings:
    """Steps 4-5. ``size`` of cut-outs (px); ``snr_noise`` std, var or mad; ``rise_noise``: the same, in the question
    whether focusing raises the SNR; Global SNR above which a source is bright, and below which it is removed;
    ``min_distance`` (px) between the brightest pixels of two blended sources; ``min_pixel_snr`` of a second source's
    brightest pixel; ``regrow_primary``: whether a blend's brightest source gets a box of its own as well.
    """

    size: int = 64
    snr_noise: str = "std"
    rise_noise: str = "var"
    bright_snr: float = 6.0
    min_snr: float = 1.0
    min_distance: float = 3.0
    min_pixel_snr: float = 4.0
    regrow_primary: bool = True


@dataclass(frozen=True)
class FluxSettings:
    """Steps 7-8. ``dilation``: factor on the extents of the 3D model's mask."""

    dilation: float = 1.5


@dataclass(frozen=True)
class DetectionSettings:
    """All settings of the chain; ``rest_frequency_ghz`` of the line, if it is known, gives velocities and redshifts."""

    blobs: BlobSettings = field(default_factory=BlobSettings)
    spectra: SpectraSettings = field(default_factory=SpectraSettings)
    focus: FocusSettings = field(default_factory=FocusSettings)
    flux: FluxSettings = field(default_factory=FluxSettings)
    rest_frequency_ghz: float | None = None

    @classmethod
    def from_mapping(cls, section: Mapping[str, Any] | None) -> DetectionSettings:
        """Make settings from the config section ``detection``; keys that are left out keep their defaults.

        Raises
        ------
        CubefocusError
            If a key is unknown or a value is out of its range.
        """
        parts = {"blobs": BlobSettings, "spectra": SpectraSettings, "focus": FocusSettings, "flux": FluxSettings}
        section = dict(section or {})
        rest = section.pop("rest_frequency_ghz", None)
        unknown = sorted(set(section) - set(parts))
        if unknown:
            raise CubefocusError(f"detection: unknown key {', '.join(unknown)}; known are {', '.join(parts)}")
        made: dict[str, Any] = {name: _make(kind, section.get(name), name) for name, kind in parts.items()}
        settings = cls(**made, rest_frequency_ghz=None if rest is None else _typed(rest, 1.0, "rest_frequency_ghz"))
        settings.check()
        return settings

    def check(self) -> None:
        """Raise CubefocusError naming the first value that is out of its range."""
        rules = {
            "blobs.threshold": (self.blobs.threshold, 0 < self.blobs.threshold < 1, "between 0 and 1"),
            "blobs.split": (self.blobs.split, self.blobs.split in SPLITS, " or ".join(SPLITS)),
            "blobs.split_smoothing": (
                self.blobs.split_smoothing,
                0 < self.blobs.split_smoothing < math.inf,
                "positive",
            ),
            "blobs.split_prominence": (self.blobs.split_prominence, 0 <= self.blobs.split_prominence < 1, "in [0, 1)"),
            "blobs.field": (self.blobs.field, self.blobs.field in ("tiles", "centre"), "tiles or centre"),
            "blobs.overlap": (self.blobs.overlap, 0 <= self.blobs.overlap < 1, "in [0, 1)"),
            "spectra.peak_height": (self.spectra.peak_height, self.spectra.peak_height > 0, "positive"),
            "focus.size": (self.focus.size, self.focus.size > 0, "positive"),
            "focus.snr_noise": (self.focus.snr_noise, self.focus.snr_noise in MEASURES, "std, var or mad"),
            "focus.rise_noise": (self.focus.rise_noise, self.focus.rise_noise in MEASURES, "std, var or mad"),
            "flux.dilation": (self.flux.dilation, self.flux.dilation > 0, "positive"),
            "rest_frequency_ghz": (
                self.rest_frequency_ghz,
                self.rest_frequency_ghz is None or self.rest_frequency_ghz > 0,
                "positive",
            ),
        }
        for key, (value, holds, wanted) in rules.items():
            if not holds:
                raise CubefocusError(f"detection.{key} is {value!r}; it must be {wanted}")


def _make(kind: type[T], values: Mapping[str, Any] | None, name: str) -> T:
    defaults = {entry.name: entry.default for entry in fields(kind)}  # type: ignore[arg-type]
    if not isinstance(values or {}, Mapping):
        raise CubefocusError(f"detection.{name} is {values!r}; it must be a mapping of {', '.join(defaults)}")
    unknown = sorted(set(values or {}) - set(defaults))
    if unknown:
        raise CubefocusError(f"detection.{name}: unknown key {', '.join(unknown)}; known are {', '.join(defaults)}")
    return kind(**{key: _typed(value, defaults[key], f"{name}.{key}") for key, value in (values or {}).items()})


def _typed(value: Any, default: Any, key: str) -> Any:
    """Value in the type of its default, or an error that names the key: a settings file has no schema."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and not math.isnan(value)
    kind = type(default)
    if number and (kind is float or (kind is int and math.isfinite(value) and value == int(value))):
        return kind(value)
    if kind in (bool, str) and isinstance(value, kind):
        return value
    wanted = {float: "a number", int: "a whole number", bool: "true or false", str: "a text"}[kind]
    raise CubefocusError(f"detection.{key} is {value!r}; it must be {wanted}")
