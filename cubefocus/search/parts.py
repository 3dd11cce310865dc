"""Islands that hold several sources: the fit says how many.

Sources nearer than some beams touch above the threshold of the linking. What stands out of the fit with one source an
island is fitted as well, and stays where two explain the data better than one. A source that rotates, or a ring, is one
island as well, and Gaussians describe it badly, or come to no end. So parts are taken only where each of them is
described well by a fit that converged; else an island stays one source.
"""

from __future__ import annotations

import math

import numpy as np

from cubefocus.fit.fitted import Fitted
from cubefocus.fit.misfit import POOR, misfits, noise_levels
from cubefocus.fit.run import fit_given, fit_sources
from cubefocus.fit.search import highest_peaks
from cubefocus.fit.sky import strongest_line
from cubefocus.fit.source import Component
from cubefocus.search.linking import Islands
from cubefocus.settings import FitSettings

MOST = 4  # parts of an island beyond its first
NEAR = 1.5  # pixels from the voxels of an island at which a source belongs to it
LINE_NEAR = 1.0  # FWHM of its line from their channels


def with_parts(fitted: Fitted, islands: Islands, members: int, line: float) -> tuple[Fitted, list[int]]:
    """Fit again with several sources in islands that hold them.

    Parameters
    ----------
    fitted : Fitted
        One source an island, in their order.
    islands : Islands
    members : int
        Of the islands those before are looked at.
    line : float
        Significance of a line that a source keeps.

    Returns
    -------
    fitted : Fitted
        Of all sources together.
    owners : list of int
        Island of each.
    """
    single = list(range(len(fitted.components)))
    settings = FitSettings(line=line, most=len(single) + MOST * members)
    if max(peak.significance for peak in highest_peaks(fitted.scene, fitted.components)) < settings.search:
        return fitted, single
    tried = fit_sources(fitted.scene, fitted.components, settings)
    levels = noise_levels(tried.scene, tried.components)
    left = misfits(tried.scene, tried.components, tried.solution.products, levels)
    positive = set(tried.positive)
    parts: dict[int, list[int]] = {}
    for number, (component, origin) in enumerate(zip(tried.components, tried.origin, strict=True)):
        owner = origin if origin >= 0 else _island_of(component, islands)
        if owner is not None and number in positive:
            parts.setdefault(owner, []).append(number)
    several = {
        owner: [tried.components[number] for number in parts[owner]]
        for owner in range(members)
        if len(parts.get(owner, ())) > 1 and all(left[number].probability >= POOR for number in parts[owner])
    }
    if not several or not tried.solution.converged:
        return fitted, single
    components, owners = list[Component](), list[int]()
    for number, one in enumerate(fitted.components):
        own = several.get(number, [one])
        components += own
        owners += [number] * len(own)
    return fit_given(fitted.scene, components, FitSettings(line=line)), owners


def _island_of(component: Component, islands: Islands) -> int | None:
    """The island in whose voxels, or next to them, a source lies; None if it lies in none."""
    (x, y), line = component.centre, strongest_line(component)
    nearest, found = NEAR, None
    for number, (channels, rows, columns) in enumerate(islands.places):
        if line is not None:
            _, z, fwhm = component.line(line)
            near = np.abs(channels - z) <= LINE_NEAR * fwhm + 1.0
            rows, columns = rows[near], columns[near]
        if len(rows):
            apart = math.sqrt(float(((rows - y) ** 2 + (columns - x) ** 2).min()))
            if apart <= nearest:
                nearest, found = apart, number
    return found
