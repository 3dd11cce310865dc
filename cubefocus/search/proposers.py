"""How far the voxels of a restored cube stand out of its noise, by one proposer or by several together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cubefocus.search.levels import Levels
from cubefocus.search.significance import Proposer, Significance
from cubefocus.specs import PROPOSERS, load


def proposer(
    names: Sequence[str], data: np.ndarray, levels: Levels, beam: tuple[float, float, float], device: str,
    in_parts: bool,
) -> Proposer:  # fmt: skip
    """What tells how far the voxels of the parts of a cube stand out: the highest that some proposers give.

    Parameters
    ----------
    names : sequence of str
        Of `cubefocus.specs.PROPOSERS`, at least one.
    data : ndarray or Windows, shape (channel, y, x)
        The whole cube, NaN where there is none.
    levels : Levels
    beam : (major, minor, angle)
        FWHM in pixels; the angle of the major axis from +y towards -x, deg.
    device : str
    in_parts : bool
        Whether there are several.

    Raises
    ------
    CubefocusError
        If the image is not larger than the beam, or what is shipped for a proposer is damaged.
    """
    every = [load(PROPOSERS[name])(data, levels, beam, device, in_parts) for name in names]

    def propose(part: np.ndarray, levels: Levels, beam: tuple[float, float, float]) -> Significance:
        return joined([one(part, levels, beam) for one in every])

    return propose


def joined(found: Sequence[Significance]) -> Significance:
    """The voxelwise maximum of what some proposers say of one cube, above and below the noise."""
    first = found[0]
    if len(found) == 1:
        return first
    positive, negative = (np.maximum.reduce([getattr(one, side) for one in found]) for side in ("positive", "negative"))
    return Significance(positive, negative, first.alive)
