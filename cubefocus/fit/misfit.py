"""How well a fitted source is described: what it leaves where it is, and whether its line moves across it.

Both are products that the fit has anyway, so that they cost nothing beside it. Sums of squares over a source's region
hold hundreds of voxels that say nothing; what a source that is no Gaussian leaves lies in few combinations of them:

- in each channel, the image of the source and its derivatives by x and y. Another spectrum leaves its own in the first,
  a line that is elsewhere in some part of the source in the others.
- a line whose centre changes linearly across the source, z = z_0 + g_x (x - x_0) + g_y (y - y_0). With the image B and
  the second moments S of a Gaussian source, (r - r_0) B = S dB / dr_0, so to first order in g the cube changes by
  the derivative of the line by its centre times sums of images that are there: two numbers say what g is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import chdtrc

from cubefocus.fit.grid import squared
from cubefocus.fit.model import Scene
from cubefocus.fit.products import IMAGES, Products, starts_of
from cubefocus.fit.sky import strongest_line
from cubefocus.fit.solve import Priors, inverse_of
from cubefocus.fit.source import N_FIXED, Component

POOR = 0.0005  # probability of a misfit below which a source is no Gaussian: 4 of 893 simulated Gaussians are below it
LOOKED_AT = 3  # images of a source: itself, and its derivatives by x and y
FITTED = 4  # parameters that the fit has in these: x, y, continuum and index; three more for each line
CHANNELS = 32  # in whose residual the level of the noise is measured: it is known to a per cent
SAME = 1e-3  # of the largest: combinations of images that hardly differ


@dataclass(frozen=True)
class Misfit:
    """What the fit leaves at a source.

    Attributes
    ----------
    chi2 : float
        Of the residual of each channel on the source's image and its derivatives by x and y.
    dof : int
        Its expectation for a source that is as it was fitted.
    gradient : (float, float)
        Change of the line's centre along x and along y to first order, channels a pixel; 0 for a source without line.
    gradient_chi2 : float
        What it explains; 2 is expected of a source without one.
    level : float
        What the noise leaves on such images, over what the fit takes it to leave.
    """

    chi2: float
    dof: int
    gradient: tuple[float, float]
    gradient_chi2: float
    level: float = 1.0

    @property
    def ratio(self) -> float:
        """chi2 over its expectation; NaN where so few channels leave nothing that is not fitted."""
        return self.chi2 / (self.dof * self.level) if self.dof > 0 else math.nan

    @property
    def probability(self) -> float:
        """Of a Gaussian source to leave as much: that of the more improbable of both numbers."""
        left = float(chdtrc(self.dof, self.chi2 / self.level)) if self.dof > 0 else 1.0
        return min(left, float(chdtrc(2, self.gradient_chi2 / self.level)))


def misfits(
    scene: Scene, components: list[Component], products: Products | None = None, levels: Sequence[float] = ()
) -> list[Misfit]:
    """What the fit leaves at each source.

    Parameters
    ----------
    scene : Scene
    components : list of Component
        All sources of the cube, as they were fitted together.
    products : Products, optional
        Those of these sources, if they are there.
    levels : sequence of float, optional
        Of each source, as `noise_levels` measures them; 1 if left out.

    Returns
    -------
    list of Misfit
    """
    if not components:
        return []
    products = products or scene.products(components)
    left = _left(products)
    moving = _Moving(products, Priors.of_beam(scene.beam.sigma))
    found = []
    for number, one in enumerate(components):
        value, used = _projected(products, left, number, scene.used_channels)
        gradient, explained = moving.of(number)
        dof = used - FITTED - 3 * one.n_lines
        found.append(Misfit(value, dof, gradient, explained, levels[number] if levels else 1.0))
    return found


def noise_levels(scene: Scene, components: Sequence[Component]) -> list[float]:
    """What the noise leaves on the images of each source, over what the fit takes it to leave.

    The power of the noise is known worst at the longest baselines, where there are few, and on small sources these
    count most. What all of the cube leaves at each spatial frequency tells it: noise, but for the few parts of the
    image in which sources are. With as much noise as was assumed it is 1 at all of them.

    Parameters
    ----------
    scene : Scene
    components : sequence of Component
        All sources of the cube, as they were fitted together.
    """
    if not components:
        return []
    used = torch.from_numpy(np.flatnonzero(scene.spectral.weight > 0)).to(scene.data.device)
    used = used[:: max(1, len(used) // CHANNELS)]
    grid, n_held = scene.beam.grid, float(scene.held.sum())
    planes = scene.residual(components)[used].reshape(-1, *grid.samples)
    power = squared(torch.fft.rfft2(planes, s=grid.cells)).mean(dim=0).double().cpu().numpy() / n_held
    ky, kx = (k.astype(np.float64) for k in grid.wavenumbers)
    weight = grid.counts * scene.transfer.double().mean(dim=0).cpu().numpy() ** 2
    factors = np.stack([weight, weight * kx[None] ** 2, weight * ky[:, None] ** 2])
    levels = []
    for component in components:
        (sxx, sxy), (_, syy) = component.cov
        size = np.exp(-(sxx * kx[None] ** 2 + 2.0 * sxy * kx[None] * ky[:, None] + syy * ky[:, None] ** 2))
        levels.append(float(np.mean((factors * size * power).sum(axis=(1, 2)) / (factors * size).sum(axis=(1, 2)))))
    return levels


def _left(products: Products) -> np.ndarray:
    """Products of all images and the residual, shape (6 n, channel)."""
    left = products.projection.copy()
    totals = np.stack([total for total, _ in products.spectra])
    for band, gram in enumerate(products.gram):
        use = products.bands == band
        left[:, use] -= gram[:, ::IMAGES] @ totals[:, use]
    return left


def _projected(products: Products, left: np.ndarray, number: int, used_channels: int) -> tuple[float, int]:
    """chi^2 of the residual on the images of a source, and its degrees of freedom."""
    own = slice(IMAGES * number, IMAGES * number + LOOKED_AT)
    total, rank = 0.0, LOOKED_AT
    for band, gram in enumerate(products.gram):
        norm = np.sqrt(np.maximum(np.diag(gram[own, own]), 1e-300))
        values, vectors = np.linalg.eigh(gram[own, own] / np.outer(norm, norm))
        kept = values > SAME
        along = vectors[:, kept].T @ (left[own][:, products.bands == band] / norm[:, None])
        total, rank = total + float((along**2 / values[kept, None]).sum()), min(rank, int(kept.sum()))
    return total, rank * used_channels


class _Moving:
    """Score test of a line that moves across its source, all parameters of all sources being free."""

    def __init__(self, products: Products, priors: Priors) -> None:
        self.products = products
        self.mix, self.spectra = products.columns()
        self.starts = starts_of(products.components)
        fisher, gradient = products.equations()
        terms = [priors.terms(one) for one in products.components]
        self.covariance = inverse_of(fisher + np.diag(np.concatenate([precision for precision, _ in terms])))
        self.gradient = gradient - np.concatenate([pull for _, pull in terms])

    def of(self, number: int) -> tuple[tuple[float, float], float]:
        """Gradient along x and y, and the chi^2 that it explains."""
        component = self.products.components[number]
        line = strongest_line(component)
        if line is None:
            return (0.0, 0.0), 0.0
        mix = np.zeros((2, self.mix.shape[1]))
        mix[:, IMAGES * number + 1 : IMAGES * number + 3] = component.cov
        by_centre = self.spectra[self.starts[number] + N_FIXED + 3 * line + 1]
        own, cross, score = self.products.further(mix, np.stack([by_centre, by_centre]), self.mix, self.spectra)
        free = self.covariance @ np.column_stack([cross.T, self.gradient])
        least = SAME * np.linalg.eigvalsh(own)[1]
        own, score = own - cross @ free[:, :2], score - cross @ free[:, 2]
        if not np.linalg.eigvalsh(own)[0] > least:  # a line in so few channels that nothing is known of it
            return (0.0, 0.0), 0.0
        found = np.linalg.solve(own, score)
        return (float(found[0]), float(found[1])), float(score @ found)
