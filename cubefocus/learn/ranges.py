"""What networks were trained on, in numbers, and what of a cube lies outside of it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cubefocus.cube.cube import Cube
from cubefocus.cube.scale import beam_px
from cubefocus.errors import CubefocusError

Range = tuple[float | None, float | None]


@dataclass(frozen=True)
class Quantity:
    """A number that says whether a cube is like those of the training.

    Attributes
    ----------
    words : str
        What it is.
    unit : str
    tolerance : float
        Share by which a value may leave the range before it is told.
    effect : str
        What happens to a cube outside.
    """

    words: str
    unit: str
    tolerance: float
    effect: str


QUANTITIES: dict[str, Quantity] = {
    "image_size": Quantity("shorter side of the image", "px", 0.0, "the rest is filled up"),
    "n_channels": Quantity("number of channels", "", 0.0, "spectra are resampled"),
    "beam_px": Quantity("dirty beam", "px", 0.05, "sources look different"),
    "cell_arcsec": Quantity("pixel size", "arcsec", 0.05, "without a beam in the header nothing else says its scale"),
    "frequency_ghz": Quantity("frequency", "GHz", 0.01, "other lines, beams and primary beams"),
    "channel_width_mhz": Quantity("channel width", "MHz", 0.05, "lines have other widths in channels"),
    "snr": Quantity("SNR of a source in the integrated image", "", 0.05, "its parameters are extrapolated"),
}
"""By name in the ``ranges`` of a bundle."""


def as_ranges(values: Mapping[str, Any]) -> dict[str, Range]:
    """Ranges (lowest, highest; None where a side is open) from plain values.

    Raises
    ------
    CubefocusError
        If a quantity is not known or its range is none.
    """
    ranges: dict[str, Range] = {}
    for name, pair in values.items():
        if name not in QUANTITIES:
            raise CubefocusError(f"ranges: unknown quantity {name!r}; known are {', '.join(QUANTITIES)}")
        if not isinstance(pair, list | tuple) or len(pair) != 2 or not all(map(_is_end, pair)):
            raise CubefocusError(f"ranges.{name} is {pair!r}; it must be [lowest, highest]")
        ranges[name] = (pair[0], pair[1])
    return ranges


def _is_end(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value))


def range_of(values: Iterable[float]) -> Range | None:
    """Lowest and highest finite value; None if there is none."""
    finite = [value for value in values if math.isfinite(value)]
    return (min(finite), max(finite)) if finite else None


def measured(cube: Cube) -> dict[str, tuple[float, float]]:
    """What of `QUANTITIES` the header of a cube says, lowest and highest.

    Raises
    ------
    CubefocusError
        If the header does not say where the channels are.
    """
    ghz, (n_channels, height, width) = cube.frequencies_hz / 1e9, cube.data.shape
    values: dict[str, list[float]] = {"image_size": [min(height, width)]}
    values["frequency_ghz"] = [float(ghz.min()), float(ghz.max())]
    if n_channels > 1:  # an image has no spectra
        values["n_channels"] = [n_channels]
        values["channel_width_mhz"] = [1e3 * float(abs(ghz[-1] - ghz[0])) / (n_channels - 1)]
    beam = beam_px(cube)
    # Networks see pixels: how large one is matters for nothing where the beam is known.
    values |= {"beam_px": beam} if beam else {"cell_arcsec": [cube.cell_arcsec]}
    return {name: (min(ends), max(ends)) for name, ends in values.items()}


def outside(ranges: Mapping[str, Range], values: Mapping[str, Sequence[float]]) -> Iterator[str]:
    """One sentence for each quantity whose values leave the range of the training; unknown ones are left out."""
    for name, (low, high) in values.items():
        if name not in ranges or not (math.isfinite(low) and math.isfinite(high)):
            continue
        lowest, highest = ranges[name]
        quantity = QUANTITIES[name]
        below = lowest is not None and low < lowest * (1.0 - quantity.tolerance)
        above = highest is not None and high > highest * (1.0 + quantity.tolerance)
        if below or above:
            yield (
                f"{quantity.words} {_shown(low, high, quantity.unit)}, where the networks were trained on "
                f"{_shown(lowest, highest, quantity.unit)}: {quantity.effect}"
            )


def shown(name: str, low: float | None, high: float | None) -> str:
    """A range of a quantity in words, with its unit."""
    return f"{QUANTITIES[name].words}: {_shown(low, high, QUANTITIES[name].unit)}"


def _shown(low: float | None, high: float | None, unit: str) -> str:
    ends = [f"{end:.6g}" for end in (low, high) if end is not None]
    if len(ends) == 1:
        text = f"{'at most' if low is None else 'at least'} {ends[0]}"
    else:
        text = " to ".join(dict.fromkeys(ends)) or "anything"
    return f"{text} {unit}".rstrip()
