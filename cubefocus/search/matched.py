"""The bank of templates as a proposer: its noise is measured once for all parts of a cube."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from cubefocus.search.bank import Bank, Noises, raised, reach_of, significance
from cubefocus.search.levels import Levels
from cubefocus.search.significance import Significance, check_beam

SAMPLED = 32_000_000  # voxels of the parts in which the noise of the templates is measured, where a cube has more
SAMPLES = 2  # such parts along each axis


@dataclass(frozen=True, eq=False)
class Matched:
    """The bank of templates as a proposer.

    Attributes
    ----------
    noises : mapping, optional
        What each template leaves of the noise of the whole cube; measured in what is looked at if None.
    device : str
    """

    noises: Noises | None = None
    device: str = "cpu"

    def __call__(self, data: np.ndarray, levels: Levels, beam: tuple[float, float, float]) -> Significance:
        return significance(data, levels, beam, self.device, self.noises)


def matched(data: np.ndarray, levels: Levels, beam: tuple[float, float, float], device: str, in_parts: bool) -> Matched:
    """The bank of templates for the parts of a cube.

    Parameters
    ----------
    data : ndarray or Windows, shape (channel, y, x)
    levels : Levels
    beam : (major, minor, angle)
        FWHM in pixels, and deg.
    device : str
    in_parts : bool
        Whether there are several: a cube that is searched as a whole, and is not large, tells its noise on the way.

    Raises
    ------
    CubefocusError
        If the image is not larger than the beam.
    """
    n_channels, n_y, n_x = data.shape
    check_beam(beam, (n_y, n_x))
    if data.size <= SAMPLED and not in_parts:
        return Matched(device=device)
    places = [(slice(0, n_y), slice(0, n_x))]
    if data.size > SAMPLED:
        side = math.isqrt(SAMPLED // (n_channels * SAMPLES**2))
        side = max(side, 2 * reach_of(beam))
        along = [
            [slice(max(0, middle - side // 2), min(size, middle + side // 2)) for middle in _middles(size)]
            for size in (n_y, n_x)
        ]
        places = [(rows, columns) for rows in along[0] for columns in along[1]]
    parts = ((data[:, rows, columns], levels.within(rows, columns)) for rows, columns in places)
    rows, columns = places[0]
    share = (rows.stop - rows.start) * (columns.stop - columns.start) / (n_y * n_x)
    return Matched(measure_noises(parts, beam, share, device), device)


def _middles(size: int) -> list[int]:
    return [round(size * (place + 0.5) / SAMPLES) for place in range(SAMPLES)]


def measure_noises(
    parts: Iterable[tuple[np.ndarray, Levels]], beam: tuple[float, float, float], share: float, device: str = "cpu"
) -> Noises:
    """What each template leaves of the noise, as the mean of some parts of a cube.

    Parameters
    ----------
    parts : iterable of (ndarray, Levels)
        With all channels.
    beam : (major, minor, angle)
        As for `significance`.
    share : float
        Of the cube, that one of them is: how many independent values of a template it has decides its use.
    device : str
    """
    found = []
    for data, levels in parts:
        bank = Bank(data, levels, beam, device, None, share)
        bank.all()
        found.append((bank.noises, bank.counts))
    mean: dict[float, dict[float, float]] = {}
    for size in {size for noises, _ in found for size in noises}:
        widths = {width for noises, _ in found for width in noises.get(size, {})}
        having = {width: [one for one in found if width in one[0].get(size, {})] for width in widths}
        own = {width: float(np.mean([noises[size][width] for noises, _ in some])) for width, some in having.items()}
        counts = {width: sum(counts[size][width] for _, counts in some) for width, some in having.items()}
        mean[size] = raised(own, counts)
    return mean
