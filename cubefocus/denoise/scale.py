"""The scales in which images are denoised, of numpy arrays and of tensors alike.

GV22 is Gheller & Vazza 2022, MNRAS 509, 990. Flux densities are in Jy/arcsec^2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch

from cubefocus.networks.residual import NOISE

FLOOR = 1e-8  # Jy/arcsec^2, less than 1/100 of the noise (GV22 section 4, step iii)
DIFFUSE = 1e-7  # Jy/arcsec^2, above which sky is taken to be detectable emission, 1/30 of the noise (GV22 section 4.1)

Values = TypeVar("Values", np.ndarray, torch.Tensor)


def _module(values: Any) -> Any:
    return torch if isinstance(values, torch.Tensor) else np


@dataclass(frozen=True)
class LogScale:
    """The preparation of GV22 section 4, steps iii and iv: floor, logarithm, and [0, 1] for an image.

    Attributes
    ----------
    low, high : float
        Decimal logarithms of the flux densities that become 0 and 1.
    """

    low: float
    high: float

    @classmethod
    def between(cls, least: float, most: float) -> LogScale:
        """Scale of an image by its lowest and highest flux density; one that nowhere exceeds the floor becomes 0."""
        low = float(np.log10(max(least, FLOOR)))
        high = float(np.log10(max(most, FLOOR)))
        return cls(low, high if high > low else low + 1.0)

    @classmethod
    def of(cls, image: np.ndarray) -> LogScale:
        """Scale of an image (any shape); NaN does not count, and an image of nothing else is on the floor."""
        held = image[np.isfinite(image)]
        return cls.between(float(held.min()), float(held.max())) if held.size else cls.between(FLOOR, FLOOR)

    @property
    def limits(self) -> tuple[float, float]:
        """``low`` and ``high``, as training products hold them for each tile."""
        return self.low, self.high

    def apply(self, flux: Values) -> Values:
        """Flux densities to the scale, whatever is below the floor as the floor."""
        return to_log(flux, self.low, self.high)

    def invert(self, scaled: Values) -> Values:
        """The way back: flux densities, the floor for what was below it."""
        return from_log(scaled, self.low, self.high)


def to_log(flux: Values, low: Any, high: Any) -> Values:
    """Flux densities to the scale of `LogScale`, with limits that broadcast against them."""
    return (_module(flux).log10(flux.clip(FLOOR)) - low) / (high - low)


def from_log(scaled: Values, low: Any, high: Any) -> Values:
    """The inverse of `to_log`; what would be below the floor is the floor."""
    return (10.0 ** (low + scaled * (high - low))).clip(FLOOR)


def to_asinh(flux: Values, scale: float = NOISE) -> Values:
    """asinh(flux / scale): linear below a fixed scale, the noise, and logarithmic far above it."""
    return _module(flux).arcsinh(flux / scale)


def from_asinh(compressed: Values, scale: float = NOISE) -> Values:
    """The inverse of `to_asinh`."""
    return _module(compressed).sinh(compressed) * scale
