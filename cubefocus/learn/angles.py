"""A position angle as a vector, which has no jump, and back."""

from __future__ import annotations

import torch
from torch import Tensor

MULTIPLES = {"vector": 2, "vector4": 4}


def to_vector(pa: Tensor, kind: str) -> Tensor:
    """(cos m pa, sin m pa) of angles (b,) in degrees, shape (b, 2); m = 2 for ``vector``, 4 for ``vector4``.

    Notes
    -----
    An angle in [0, 90] beside two unordered sigmas names each ellipse once, but an ellipse turned across a pixel
    axis jumps from pa = 90 to pa = 0 with its sigmas exchanged. 2 pa keeps the two ends apart, as degrees do;
    4 pa closes the circle and has no jump there.
    """
    angle = torch.deg2rad(pa * MULTIPLES[kind])
    return torch.stack([torch.cos(angle), torch.sin(angle)], dim=1)


def from_vector(vector: Tensor, kind: str) -> Tensor:
    """Angle in degrees in [0, 90] of vectors (b, 2) of any length; the nearest allowed one for ``vector``."""
    cos, sin = vector.unbind(dim=1)
    if kind == "vector":
        return torch.rad2deg(torch.atan2(sin.clamp(min=0), cos)) / 2
    return torch.rad2deg(torch.atan2(sin, cos)) / 4 % 90
