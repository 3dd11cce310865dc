"""Islands that hold several sources: the fit says how many, and the voxels of the island are shared among them.

Sources nearer than some beams touch above the threshold of the linking, and those with continuum do so in all channels.
What stands out of the fit with one source an island is fitted as well. A source that rotates, or a ring, is one island
too, and becomes several components there. So components are one source as long as they overlap, as PyBDSF groups its
Gaussians (Mohan & Rafferty 2015, ascl:1502.007), or are side by side, with lines that go on from one to the other,
where the fit describes one of them badly. The voxels of an island belong to the source that is brightest there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import binary_dilation

from cubefocus.cube.scale import SIGMA_TO_FWHM
from cubefocus.fit.beam import Beam
from cubefocus.fit.fitted import Fitted
from cubefocus.fit.misfit import POOR, misfits, noise_levels
from cubefocus.fit.run import fit_given, fit_sources
from cubefocus.fit.search import WIDTHS, highest_peaks
from cubefocus.fit.sky import strongest_line
from cubefocus.fit.source import Component
from cubefocus.search.bank import LEAST_CHANNELS
from cubefocus.search.linking import Islands
from cubefocus.search.moments import fills_band
from cubefocus.settings import FitSettings

MOST = 6  # parts of an island beyond its first
NEAR = 1.5  # pixels from the voxels of an island at which a source belongs to it
LINE_NEAR = 1.0  # FWHM of its line from their channels
OVERLAP = 0.6  # of the sum of the FWHM along the way from one to the other: nearer components are one source
BESIDE = 1.3  # as far, where the line of the one goes on in the other and no continuum tells them apart
GOES_ON = 1.5  # of the sum of the FWHM of two lines: so near, one goes on in the other
SURE = 5.0  # errors of their distance: so far apart, two with other lines are two sources, though they overlap
HOLDS_CONTINUUM = 5.0  # significance of it


@dataclass(frozen=True, eq=False)
class Parted:
    """Sources of a part of the image.

    Attributes
    ----------
    fitted : Fitted
        All of them together.
    islands : Islands
        The voxels of each; those of one that holds several sources are shared among them.
    owners : list of int
        Number of the island that each is a part of.
    composed : list of bool
        Whether several Gaussians are needed for it: the one in the fit is not what it looks like.
    """

    fitted: Fitted
    islands: Islands
    owners: list[int]
    composed: list[bool]

    def alone(self, number: int) -> bool:
        """Whether a source has its island for itself."""
        return self.owners.count(self.owners[number]) == 1


def with_parts(fitted: Fitted, islands: Islands, members: int, line: float, data: np.ndarray) -> Parted:
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
    data : ndarray, shape (channel, y, x)
        What was fitted, NaN where there is none.
    """
    single = Parted(fitted, islands, list(range(len(fitted.components))), [False] * len(fitted.components))
    settings = FitSettings(line=line, most=len(single.owners) + MOST * members)
    within = _around(islands, members, fitted.scene.beam)
    peaks = highest_peaks(fitted.scene, fitted.components, within=within)
    if max(peak.significance for peak in peaks) < settings.search:
        return single
    tried = fit_sources(fitted.scene, fitted.components, settings, within)
    positive, parts = set(tried.positive), dict[int, list[int]]()
    for number, (component, origin) in enumerate(zip(tried.components, tried.origin, strict=True)):
        owner = _island_of(component, islands)
        owner = origin if owner is None and origin >= 0 else owner
        if owner is not None and owner < members and number in positive and not _exceeds(tried, number, islands, owner):
            parts.setdefault(owner, []).append(number)
    left = misfits(tried.scene, tried.components, tried.solution.products, noise_levels(tried.scene, tried.components))
    poor = [one.probability < POOR for one in left]
    groups = {owner: _grouped(tried, numbers, poor) for owner, numbers in parts.items()}
    if all(len(found) == 1 for found in groups.values()):
        return replace(single, composed=[len(groups.get(number, [[]])[0]) > 1 for number in single.owners])
    starts, places, owners, composed = list[Component](), list[np.ndarray](), list[int](), list[bool]()
    beam = fitted.scene.beam
    for number, one in enumerate(fitted.components):
        found = groups.get(number, [[]])
        if len(found) == 1:
            starts, places, owners = [*starts, one], [*places, islands.places[number]], [*owners, number]
            composed.append(len(found[0]) > 1)
            continue
        held = [[tried.components[index] for index in group] for group in found]
        for own, place in zip(held, _shared(islands.places[number], held, beam), strict=True):
            if place.shape[1]:
                starts.append(own[0] if len(own) == 1 else start_of(place, data, beam))
                places, owners, composed = [*places, place], [*owners, number], [*composed, len(own) > 1]
    again = fit_given(fitted.scene, starts, FitSettings(line=line))
    return Parted(again, islands.parted(places, owners), owners, composed)


def start_of(place: np.ndarray, data: np.ndarray, beam: Beam) -> Component:
    """Where the fit of a source begins: in the middle of its voxels (3, voxel), as large as they, with their line.

    Voxels that the continuum links through the band say nothing of the line: then it is what stands out most of the
    spectrum of their pixels, in data (channel, y, x).
    """
    pixels, weight = np.unique(place[1:], axis=1, return_counts=True)
    rows, columns = pixels
    x, y = (float(np.average(at, weights=weight)) for at in (columns, rows))
    spread = np.cov(np.stack([columns, rows]), aweights=weight, bias=True) if len(rows) > 1 else np.zeros((2, 2))
    cov = 0.5 * spread + (0.3 * beam.sigma) ** 2 * np.eye(2)
    if len(data) < LEAST_CHANNELS:
        return Component.of(x, y, cov, [])
    z, width = float(place[0].mean()), max(float(place[0].std()) * SIGMA_TO_FWHM, 1.5)
    if fills_band(weight, len(data)):
        z, width = _highest_line(np.nansum(data[:, rows, columns] * weight, axis=1))
    return Component.of(x, y, cov, [(z, width)])


def _highest_line(spectrum: np.ndarray) -> tuple[float, float]:
    """Centre and FWHM of the line, in emission or absorption, that stands out most of a spectrum, channels."""
    channels = np.arange(len(spectrum))
    offset = (channels[:, None] - channels) / np.array(WIDTHS)[:, None, None]
    lines = np.exp(-0.5 * (SIGMA_TO_FWHM * offset) ** 2)
    lines /= np.sqrt((lines**2).sum(axis=2, keepdims=True))
    width, z = np.unravel_index(np.abs(lines @ (spectrum - np.median(spectrum))).argmax(), offset.shape[:2])
    return float(z), WIDTHS[int(width)]


def _around(islands: Islands, members: int, beam: Beam) -> np.ndarray:
    """Pixels of some islands, and those that are nearer to them than the beam's standard deviation, (y, x)."""
    inside = np.zeros(islands.shape[1:], dtype=bool)
    for _, rows, columns in islands.places[:members]:
        inside[rows, columns] = True
    return binary_dilation(inside, iterations=max(1, round(beam.sigma)))


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


def _exceeds(fitted: Fitted, number: int, islands: Islands, owner: int) -> bool:
    """Whether a component is wider than its island: it is what CLEAN left around the sources there."""
    _, rows, columns = islands.windows[owner]
    largest = float(np.linalg.eigvalsh(_seen(fitted.components[number], fitted.scene.beam))[-1])
    return SIGMA_TO_FWHM * math.sqrt(largest) > max(rows.stop - rows.start, columns.stop - columns.start)


def _grouped(fitted: Fitted, numbers: Sequence[int], poor: Sequence[bool]) -> list[list[int]]:
    """Components of an island in groups, each of which is one source; poor ones are no Gaussians."""
    groups: list[list[int]] = []
    for number in numbers:
        own = [
            group
            for group in groups
            if any(_are_one(fitted, number, other, poor[number] or poor[other]) for other in group)
        ]
        groups = [group for group in groups if group not in own] + [sorted([number, *(n for one in own for n in one)])]
    return sorted(groups)


def _are_one(fitted: Fitted, first: int, second: int, poor: bool) -> bool:
    """Whether two components, of which one may be no Gaussian, are one source."""
    a, b = fitted.components[first], fitted.components[second]
    offset = np.array(a.centre) - b.centre
    apart = float(np.hypot(*offset))
    if apart == 0.0:
        return True
    way = offset / apart
    seen = [_seen(one, fitted.scene.beam) for one in (a, b)]
    reach = SIGMA_TO_FWHM * sum(math.sqrt(float(way @ cov @ way)) for cov in seen)
    if apart < OVERLAP * reach:
        errors = [fitted.solution.covariance_of(number)[:2, :2] for number in (first, second)]
        return _goes_on(a, b) or apart < SURE * math.sqrt(sum(float(way @ cov @ way) for cov in errors))
    apart_by_continuum = all(_holds_continuum(fitted, number) for number in (first, second))
    return poor and apart < BESIDE * reach and not apart_by_continuum and _goes_on(a, b)


def _seen(one: Component, beam: Beam) -> np.ndarray:
    """Second moments behind the beam."""
    return one.cov + beam.sigma**2 * np.eye(2)


def _holds_continuum(fitted: Fitted, number: int) -> bool:
    flux = fitted.components[number].amplitudes[0]
    error = math.sqrt(float(fitted.solution.covariance_of(number)[flux, flux]))
    return float(fitted.components[number].values[flux]) > HOLDS_CONTINUUM * error


def _goes_on(a: Component, b: Component) -> bool:
    """Whether the line of one source goes on in that of the other; so does a continuum without a line."""
    lines = [strongest_line(one) for one in (a, b)]
    if lines[0] is None or lines[1] is None:
        return True
    (_, z, fwhm), (_, other_z, other_fwhm) = a.line(lines[0]), b.line(lines[1])
    return abs(z - other_z) < GOES_ON * (fwhm + other_fwhm)


def _shared(place: np.ndarray, held: Sequence[Sequence[Component]], beam: Beam) -> list[np.ndarray]:
    """Voxels (3, voxel) of an island, each given to the source, of several components, that is brightest there."""
    channels, rows, columns = place
    brightness = np.zeros((len(held), place.shape[1]))
    for total, components in zip(brightness, held, strict=True):
        for one in components:
            cov = _seen(one, beam)
            offset = np.stack([columns - one.centre[0], rows - one.centre[1]])
            form = np.einsum("iv,ij,jv->v", offset, np.linalg.inv(cov), offset)
            spectrum = np.full(len(channels), one.values[one.amplitudes[0]])
            for number in range(one.n_lines):
                peak, z, fwhm = one.line(number)
                spectrum += peak * np.exp(-0.5 * ((channels - z) / (fwhm / SIGMA_TO_FWHM)) ** 2)
            total += spectrum * np.exp(-0.5 * form) / math.sqrt(np.linalg.det(cov))
    brightest = brightness.argmax(axis=0)
    return [place[:, brightest == number] for number in range(len(held))]
