"""What the sources fitted so far leave: a bank of templates correlated with the residual, and its highest peak.

A template is the dirty beam of a Gaussian of one of a few sizes, times a spectrum: flat, a line of one of a few widths
at some channel, or both with the fluxes that fit best. Each is normalised by the noise, so that the square of what
comes out is the chi^2 that a source there would explain. Flat and line are made orthogonal; their squares add where
both are positive, or where the line takes from the flat one. What is negative in both is sought as well: its sidelobes
would be taken for sources, were it not fitted with the rest. Positions are the samples of the grid, about three a beam:
between them at most a twelfth of a peak is lost.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

from cubefocus.cube.scale import SIGMA_TO_FWHM
from cubefocus.fit.beam import channels_of
from cubefocus.fit.model import Scene
from cubefocus.fit.source import Component

SIZES = (0.35, 0.9, 1.7)  # standard deviations of the Gaussians, in those of the main lobe of the dirty beam
WIDTHS = (2.0, 4.5, 9.0)  # FWHM of the lines, channels
EDGE = 0.5  # of the largest sum of squares of a template on the data: nearer to the edge noise looks like sources
ABSORBED = 25.0  # of chi^2 that a line in absorption explains above the best one in emission, which are more frequent
AT_SOURCE = 2.0  # in widths of the beam and the source: so near a source that is described badly, peaks are parts of it
SAME = 1e-3  # of the largest: combinations of images that hardly differ
COLUMNS = 4096  # positions at a time


@dataclass(frozen=True)
class Peak:
    """The highest peak of the correlations.

    Attributes
    ----------
    significance : float
        Square root of the chi^2 that it explains.
    x, y : float
        Pixels.
    sigma : float
        Of the template, pixels.
    z, fwhm : float
        Of the template's line, channels; a flat spectrum fits as well where its amplitude is 0. NaN where no template
        has a line, as in an image: there it could not be told from the continuum.
    """

    significance: float
    x: float
    y: float
    sigma: float
    z: float
    fwhm: float

    def component(self) -> Component:
        """A source to start the fit from."""
        lines = [(self.z, self.fwhm)] if self.has_line else []
        return Component.of(self.x, self.y, self.sigma**2 * np.eye(2), lines)

    @property
    def has_line(self) -> bool:
        """Whether the template may have a line."""
        return math.isfinite(self.z)


@lru_cache(maxsize=8)
def _line_bank(n_channels: int, weight: bytes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Normalised flat spectrum (channel,), lines orthogonal to it (template, channel), centre and width of each."""
    scale = np.frombuffer(weight)
    flat = scale / math.sqrt(max(float(scale @ scale), 1e-300))
    channels = np.arange(n_channels)
    lines, facts = [], []
    for fwhm in WIDTHS:
        for z in range(n_channels):
            line = scale * np.exp(-0.5 * ((channels - z) / (fwhm / SIGMA_TO_FWHM)) ** 2)
            rest = line - (line @ flat) * flat
            norm = float(rest @ rest)
            if norm > 0.2 * float(line @ line) and norm > 0:
                lines.append(rest / math.sqrt(norm))
                facts.append((z, fwhm))
    return flat, np.array(lines).reshape(-1, n_channels), np.array(facts).reshape(-1, 2)


def highest_peaks(
    scene: Scene,
    components: Sequence[Component],
    avoid: Sequence[tuple[float, float]] = (),
    within: np.ndarray | None = None,
    poor: Sequence[int] = (),
    left: torch.Tensor | None = None,
) -> tuple[Peak, Peak]:
    """Highest peaks of the correlations of the residual with all templates: of a source, and of what is negative.

    Parameters
    ----------
    scene : Scene
    components : sequence of Component
        What has been fitted so far.
    avoid : sequence of (x, y)
        Places that have been tried in vain; nothing is looked for within half a beam of them.
    within : ndarray of bool, shape (y, x), optional
        Pixels in which peaks are looked for; all if left out.
    poor : sequence of int
        Numbers of the components that describe their source badly: away from these, what they leave is left out.
    left : Tensor of float32, shape (channel, sample), optional
        What the components leave, where it is known.

    Returns
    -------
    tuple of Peak
        Each of significance 0 where there is none.
    """
    grid, device = scene.beam.grid, scene.data.device
    left = scene.residual(components) if left is None else left
    residual = left.reshape(scene.n_channels, *grid.samples)
    padded = torch.fft.rfft2(residual, s=grid.cells)
    rest = torch.fft.rfft2(_without_what_is_left(scene, components, poor, residual), s=grid.cells) if poor else None
    at_poor = _at(scene, [components[number] for number in poor])
    flat, lines, facts = _line_bank(scene.n_channels, scene.spectral.weight.astype(np.float64).tobytes())
    bank = torch.from_numpy(np.concatenate([flat[None], lines]).astype(np.float32)).to(device)
    mask = torch.fft.rfft2(scene.held.reshape(grid.samples).float(), s=grid.cells)
    ky, kx = (torch.from_numpy(k.astype(np.float32)).to(device) for k in grid.wavenumbers)
    square = ky[:, None] ** 2 + kx[None] ** 2
    best = [Peak(0.0, 0.0, 0.0, scene.beam.sigma, 0.0, 1.0)] * 2
    bands = channels_of(scene.beam.bands, scene.n_channels)
    for size in SIZES:
        sigma = size * scene.beam.sigma
        templates = scene.transfer * torch.exp(-0.5 * sigma**2 * square)
        maps, norm = _correlated(scene, padded, templates, mask, bands)
        if rest is not None:
            maps = torch.where(at_poor, maps, _correlated(scene, rest, templates, mask, bands)[0])
        if within is not None:
            norm = torch.where(torch.from_numpy(within[grid.pixels_of_samples]).to(device), norm, torch.inf)
        for x, y in avoid:
            norm = _without(norm, scene, x, y)
        step_y, step_x = grid.steps
        for sign, (value, row, column, line) in enumerate(_peaks_of(maps, norm, bank)):
            if value > best[sign].significance:
                z, fwhm = facts[line] if len(facts) else (math.nan, math.nan)
                best[sign] = Peak(value, column * step_x, row * step_y, sigma, float(z), float(fwhm))
    return best[0], best[1]


def _without_what_is_left(
    scene: Scene, components: Sequence[Component], poor: Sequence[int], residual: torch.Tensor
) -> torch.Tensor:
    """Residual without all that may be left of sources that are described badly, (channel, y, x).

    A rotating disc 100 times as bright as the noise leaves tens of times the noise where the Gaussian was fitted, and
    through the sidelobes of few baselines nearly as much all over the image. Other fluxes, places and sizes in each
    channel hold most of it: the part of the residual along the source's image and its derivatives.
    """
    chosen, left = [components[number] for number in poor], residual.reshape(len(residual), -1).clone()
    for number, band in enumerate(scene.beam.bands):
        images = scene.images(chosen, number)
        gram, along = (images @ images.T).double(), (images @ left[band].T).double()
        scale = gram.diagonal().clamp_min(1e-300).rsqrt()
        values, vectors = torch.linalg.eigh(gram * scale[:, None] * scale[None])
        kept = values > SAME * values.max()
        inverse = (vectors[:, kept] / values[kept]) @ vectors[:, kept].T
        fluxes = scale[:, None] * (inverse @ (scale[:, None] * along))
        left[band] -= fluxes.T.float() @ images
    return left.reshape(residual.shape)


def _at(scene: Scene, components: Sequence[Component]) -> torch.Tensor:
    """Samples at which a further component may be a part of one of some sources, (y, x)."""
    grid = scene.beam.grid
    rows, columns = (torch.arange(n) * step for n, step in zip(grid.samples, grid.steps, strict=True))
    found = torch.zeros(grid.samples, dtype=torch.bool)
    for one in components:
        (xx, xy), (_, yy) = np.linalg.inv(one.cov + scene.beam.sigma**2 * np.eye(2)).tolist()
        x, y = columns[None] - one.centre[0], rows[:, None] - one.centre[1]
        found |= xx * x**2 + 2.0 * xy * x * y + yy * y**2 < AT_SOURCE**2
    return found.to(scene.data.device)


def _correlated(
    scene: Scene, padded: torch.Tensor, templates: torch.Tensor, mask: torch.Tensor, bands: np.ndarray
) -> tuple[torch.Tensor, torch.Tensor]:
    """Correlation of each channel with a template at all positions (channel, y, x), and the template's norm there."""
    grid = scene.beam.grid
    maps = grid.sampled(padded, templates if len(templates) == 1 else templates[bands])
    # The square of the template summed over the samples with data: its transform times that of the mask.
    middle = templates[len(templates) // 2]
    image = torch.fft.irfft2(middle.to(torch.complex64), s=grid.cells) * grid.scale
    norm = grid.sampled((torch.fft.rfft2(image**2, s=grid.cells).conj() * mask)[None])[0] / grid.scale
    return maps, torch.where(norm > EDGE * norm.max(), norm, torch.inf)


def _without(norm: torch.Tensor, scene: Scene, x: float, y: float) -> torch.Tensor:
    """Norms with those around a place infinite, so that nothing is found there."""
    step_y, step_x = scene.beam.grid.steps
    rows, columns = torch.arange(norm.shape[0]) * step_y - y, torch.arange(norm.shape[1]) * step_x - x
    near = (rows[:, None] ** 2 + columns[None] ** 2 < scene.beam.sigma**2).to(norm.device)
    return torch.where(near, torch.inf, norm)


def _peaks_of(maps: torch.Tensor, norm: torch.Tensor, bank: torch.Tensor) -> list[tuple[float, int, int, int]]:
    """Highest significance, its row and column, and the number of the line's template; positive and negative."""
    width = norm.shape[1]
    places = torch.nonzero(torch.isfinite(norm).reshape(-1))[:, 0]
    planes, scale = maps.reshape(len(maps), -1), norm.reshape(-1).rsqrt()
    best = [(0.0, 0, 0)] * 2
    for start in range(0, len(places), COLUMNS):
        at = places[start : start + COLUMNS]
        found = bank @ (planes[:, at] * scale[at])
        for sign, total in enumerate(_explained(found)):
            highest, index = total.max(dim=0)
            if float(highest) > best[sign][0]:
                best[sign] = float(highest), int(at[index]), _line_of(found[:, index], negative=sign == 1)
    return [(math.sqrt(value), place // width, place % width, line) for value, place, line in best]


def _explained(found: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """What sources explain of chi^2 at each position: positive ones, and what is negative.

    Takes the products of the residual with the flat template and with the lines, (template, position).
    """
    flat, (emission, absorption) = found[0], _lines(found)
    depth = _depth(flat, absorption)
    line = torch.where(_absorbs(depth, emission), depth, emission)
    return flat.clamp_min(0.0) ** 2 + line**2, flat.clamp_max(0.0) ** 2 + absorption**2


def _line_of(found: torch.Tensor, negative: bool) -> int:
    """Number of the line's template at one position, (template,); 0 where there is none."""
    if len(found) == 1:
        return 0
    emission, absorption = _lines(found)
    below = negative or bool(_absorbs(_depth(found[0], absorption), emission))
    return int(found[1:].argmin() if below else found[1:].argmax())


def _lines(found: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Amplitudes of the best line in emission and of the best one in absorption, neither below 0."""
    if len(found) == 1:
        return torch.zeros_like(found[0]), torch.zeros_like(found[0])
    return found[1:].amax(dim=0).clamp_min(0.0), -found[1:].amin(dim=0).clamp_max(0.0)


def _depth(flat: torch.Tensor, absorption: torch.Tensor) -> torch.Tensor:
    """A line in absorption takes from a continuum, and no more than there is."""
    return torch.where(absorption < flat, absorption, 0.0)


def _absorbs(depth: torch.Tensor, emission: torch.Tensor) -> torch.Tensor:
    """Whether a positive source has its line in absorption."""
    return depth**2 > emission**2 + ABSORBED
