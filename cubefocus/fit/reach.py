"""Whether a dirty beam is known as far as its sources are apart.

The image of a PSF that is no wider than that of the cube ends where the sidelobes of a source at one edge still reach
the other. What lies there is left over by the fit, and looks like sources.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cubefocus.fit.beam import Beam

FLAG = "beyond_psf"  # of a source that may be a sidelobe of one from which the PSF does not reach it
NOISE = 3.0  # standard errors by which noise makes a sidelobe more significant than it is


def falls_short(beam: Beam) -> bool:
    """Whether two pixels of the image are farther apart than the dirty beam is known."""
    return beam.reach is not None and any(
        reach < size - 1 for reach, size in zip(beam.reach, beam.grid.shape, strict=True)
    )


def beyond_psf(beam: Beam, x: Sequence[float], y: Sequence[float], significance: Sequence[float]) -> np.ndarray:
    """Sources that may be sidelobes of another one, from which the dirty beam is not known as far as to them.

    Where it is not known it is taken to be as high as it is anywhere in the outer half of where it is.

    Parameters
    ----------
    beam : Beam
    x, y : sequence of float, length n
        Pixels.
    significance : sequence of float, length n

    Returns
    -------
    ndarray of bool, shape (n,)

    Examples
    --------
    A dirty beam that is known to 20 pixels leaves a faint source 40 pixels beside a bright one in doubt, and no other:

    >>> from types import SimpleNamespace
    >>> beam = SimpleNamespace(reach=(20, 20), sidelobe=0.1)
    >>> beyond_psf(beam, [10.0, 50.0, 25.0], [10.0, 10.0, 10.0], [200.0, 8.0, 8.0]).tolist()
    [False, True, False]
    """
    if beam.reach is None:
        return np.zeros(len(x), dtype=bool)
    places, strength = np.column_stack([y, x]).reshape(-1, 2), np.asarray(significance, dtype=float)
    far = (np.abs(places[:, None] - places[None]) > np.array(beam.reach)).any(axis=-1)
    return np.asarray((far & (beam.sidelobe * strength[None] + NOISE > strength[:, None])).any(axis=1))


def flagged_beyond(beam: Beam, sources: Sequence[Mapping[str, Any]]) -> list[str]:
    """Flags of sources (x, y, significance, flags), with `FLAG` where `beyond_psf` says so."""
    doubtful = beyond_psf(beam, *([row[name] for row in sources] for name in ("x", "y", "significance")))
    flags = [str(row["flags"]) for row in sources]
    return [with_flag(one, FLAG) if beyond else one for one, beyond in zip(flags, doubtful, strict=True)]


def with_flag(flags: str, flag: str) -> str:
    """Flags of a source, separated by semicolons, with one more."""
    return ";".join(sorted({*flags.split(";"), flag} - {""}))
