"""Search a restored cube: what stands out of its noise is linked, weighed against what is negative, and fitted.

noise by channel and place -> significance of each voxel, by templates or a network, part by part -> islands above and
below the noise -> reliability of those above, from those below -> one source an island, fitted behind the beam with
those around it
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.table import Table

from cubefocus.alma.catalogue import build_table, on_the_sky
from cubefocus.cube.cube import Cube
from cubefocus.fit.beam import Beam
from cubefocus.search.describe import COLUMNS, OWN, Described, Search, boxes_of
from cubefocus.search.groups import windows_of
from cubefocus.search.levels import Levels, measure_levels
from cubefocus.search.linking import Islands, link
from cubefocus.search.reliability import FalseRate
from cubefocus.search.tiles import Searched, search_tiles, voxels_in, voxels_of_fit
from cubefocus.settings import SearchSettings
from cubefocus.tables.columns import BOX, define

__all__ = ["CANDIDATES", "COLUMNS", "KEPT", "SearchedCube", "search_cube"]

CANDIDATES = tuple(
    define(name, OWN.get(name))
    for name in ("cube_id", "candidate_id", "name", "significance", "reliability", "n_voxels", "x", "y", "z", "ra",
                 "dec", *BOX, "z0", "z1", "reason")
)  # fmt: skip
KEPT = "kept"


@dataclass(frozen=True, eq=False)
class SearchedCube:
    """A cube after the search.

    Attributes
    ----------
    catalogue : Table
        Its sources, columns `COLUMNS`.
    candidates : Table
        All islands, columns `CANDIDATES`; ``reason`` says why one is no source.
    levels : Levels
    found : Searched
        What stands out, and images of it.
    islands : Islands
        Of all candidates, in the order of the table.
    rate : FalseRate
    described : list of Described
        The fits, each of a part of the image.
    """

    catalogue: Table
    candidates: Table
    levels: Levels
    found: Searched
    islands: Islands
    rate: FalseRate
    described: list[Described]


def search_cube(
    cube: Cube,
    beam: Beam,
    beam_px: tuple[float, float, float],
    settings: SearchSettings | None = None,
    *,
    cube_id: int = 0,
    rest_frequency_ghz: float | None = None,
    device: str = "cpu",
    snr: np.ndarray | None = None,
) -> SearchedCube:
    """Find and characterise the sources of a restored cube.

    Parameters
    ----------
    cube : Cube
        Jy/beam; in memory, or on disk to be read in parts.
    beam : Beam
        Restoring beam, and primary beam where it has not been divided by.
    beam_px : (major, minor, angle)
        Restoring beam of the middle channel: FWHM in pixels, angle of the major axis from +y towards -x, deg.
    settings : SearchSettings, optional
    cube_id : int
    rest_frequency_ghz : float, optional
        Of the line; that of the header if left out.
    device : str
    snr : ndarray, shape of the cube, optional
        Gets the significance of all voxels, negative where what is below the noise stands out more.

    Returns
    -------
    SearchedCube

    Raises
    ------
    CubefocusError
        If there is no noise to measure, or the image is not larger than the beam.
    """
    settings = settings or SearchSettings()
    shape = cube.data.shape
    levels = measure_levels(cube.data, float(np.sqrt(beam_px[0] * beam_px[1])))
    most = voxels_in(settings.memory, cube.data, snr)
    found = search_tiles(cube.data, levels, beam_px, settings.link, most, device, snr, settings.proposals)
    above, below = (link(one, shape, settings.link, found.alive) for one in (found.above, found.below))
    every = above.chosen(np.ones(len(above), dtype=bool))
    rate = FalseRate.of(below.peak, settings.link)
    reliability = rate.reliability(every.peak)
    pure = rate.threshold_for(every.peak, settings.purity)
    least = max(pure, settings.least)
    because = f": purity below {settings.purity:g}" if pure > settings.least else ""
    missed = f"significance below {least:.3g}{because}"
    sources = np.flatnonzero(every.peak >= least).tolist()
    boxes = boxes_of(every)
    fitted = voxels_of_fit(settings.memory, cube.data, snr)
    search = Search(cube, levels, beam, beam_px, every, reliability, settings.line, cube_id, rest_frequency_ghz, device)
    described = [search.describe(window) for window in windows_of(boxes, sources, shape, beam_px, fitted)]
    catalogue = _catalogue(described)
    rows = [
        _candidate(every, number, boxes[number]) | {"cube_id": cube_id, "reliability": float(reliability[number])}
        for number in range(len(every))
    ]
    kept = set(catalogue["candidate_id"].tolist())
    for row, place in zip(rows, on_the_sky(cube, [(row["x"], row["y"]) for row in rows]), strict=True):
        row |= place | {"reason": _reason(row, row["candidate_id"] in kept, least, missed)}
    return SearchedCube(catalogue, build_table(CANDIDATES, rows), levels, found, every, rate, described)


def _catalogue(described: list[Described]) -> Table:
    """Sources of all windows, most significant first; their numbers are put into the rows of the windows, too."""
    every = [row for one in described for row in one.rows]
    for source_id, row in enumerate(sorted(every, key=lambda row: -row["significance"])):
        row["source_id"] = source_id
    rows = [row for one in described for row in one.rows_of_cube]
    return build_table(COLUMNS, sorted(rows, key=lambda row: row["source_id"]))


def _candidate(every: Islands, number: int, box: np.ndarray) -> dict[str, Any]:
    z, y, x = every.place[number].tolist()
    channels = every.windows[number][0]
    row = {"candidate_id": number + 1, "significance": float(every.peak[number]), "n_voxels": int(every.size[number])}
    row |= {"x": float(x), "y": float(y), "z": float(z), "z0": float(channels.start), "z1": channels.stop - 1.0}
    return row | dict(zip(BOX, box.tolist(), strict=True))


def _reason(row: dict[str, Any], kept: bool, least: float, missed: str) -> str:
    if kept:
        return KEPT
    return "absorbs more than it emits in the fit" if row["significance"] >= least else missed
