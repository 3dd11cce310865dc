"""Search a dirty cube whose beam is known: all sources are fitted, and weighed against those of the cube times -1."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.table import Table

from cubefocus.alma.catalogue import build_table
from cubefocus.alma.fitted import fit_cube
from cubefocus.cube.cube import Cube
from cubefocus.fit.beam import Beam
from cubefocus.fit.fitted import Fitted
from cubefocus.fit.reach import flagged_beyond
from cubefocus.fit.run import fit_cube_of
from cubefocus.fit.stretch import Stretch, stretch_of
from cubefocus.search.reliability import FalseRate
from cubefocus.search.run import CANDIDATES as ISLANDS
from cubefocus.search.run import COLUMNS, KEPT
from cubefocus.settings import FitSettings, SkySettings

CANDIDATES = tuple(one for one in ISLANDS if one.name != "n_voxels")  # a fit has no voxels of its own


@dataclass(frozen=True, eq=False)
class SearchedDirty:
    """A dirty cube after the search.

    Attributes
    ----------
    catalogue : Table
        Columns `cubefocus.search.run.COLUMNS`.
    candidates : Table
        The same sources, columns `CANDIDATES`; what the fit did without is not among them.
    fitted : Fitted
    left : ndarray, shape (y, x)
        Sum over the channels of what the fit leaves, over its noise.
    stretch : Stretch
        Of the dirty beam that the cube has over the given one.
    """

    catalogue: Table
    candidates: Table
    fitted: Fitted
    left: np.ndarray
    stretch: Stretch


def search_dirty(
    cube: Cube,
    beam: Beam,
    settings: FitSettings | None = None,
    *,
    cube_id: int = 0,
    rest_frequency_ghz: float | None = None,
    device: str = "cpu",
) -> SearchedDirty:
    """Find and fit the sources of a dirty cube, from nothing.

    Parameters
    ----------
    cube : Cube
        Jy/beam.
    beam : Beam
        Its dirty beam and primary beam.
    settings : FitSettings, optional
    cube_id : int
    rest_frequency_ghz : float, optional
        Of the line; that of the header if left out.
    device : str

    Returns
    -------
    SearchedDirty

    Raises
    ------
    CubefocusError
        If all channels are blank.
    """
    settings = settings or FitSettings()
    found = fit_cube(
        cube, beam, None, settings, box_level=SkySettings().box_level, cube_id=cube_id,
        rest_frequency_ghz=rest_frequency_ghz, device=device,
    )  # fmt: skip
    # The same noise: that of the cube times -1 is as strong.
    scene = found.fitted.scene
    negative = fit_cube_of(-cube.data, beam, cube.frequencies_hz, [], settings, scene.noise, device)
    rate = FalseRate.of(negative.significance[negative.positive], settings.keep)
    rows = [dict(zip(found.catalogue.colnames, row, strict=True)) for row in found.catalogue]
    reliability = rate.reliability(np.array([row["significance"] for row in rows], dtype=float))
    stretch = stretch_of(scene, found.fitted.solution)
    flags = flagged_beyond(beam, rows)
    candidates: list[dict[str, Any]] = []
    for number, (row, trust) in enumerate(zip(rows, reliability.tolist(), strict=True)):
        row |= {"candidate_id": number + 1, "reliability": trust, "flags": stretch.flagged(flags[number])}
        candidates.append({one.name: row[one.name] for one in CANDIDATES if one.name in row} | {"reason": KEPT})
    left = scene.residual(found.fitted.components).sum(dim=0).reshape(beam.grid.samples).cpu().numpy()
    left = left / math.sqrt(max(scene.used_channels, 1))
    tables = build_table(COLUMNS, rows), build_table(CANDIDATES, candidates)
    return SearchedDirty(*tables, found.fitted, left, stretch)
