"""Fit all sources of a cube together: Levenberg-Marquardt steps on the factorised normal equations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cubefocus.fit.model import Scene
from cubefocus.fit.products import Products, block_of, starts_of
from cubefocus.fit.source import N_FIXED, Component

MAX_STEPS = 40
DONE = 1e-3  # a step that promises less of chi^2 ends the fit: errors would change by a thousandth
DAMPING = (1e-3, 1e6)
LEAST_KNOWN = 1e-7  # of the precision of single parameters: combinations of them that are known worse are not known
FURTHEST = np.array([3.0, 3.0, 1.0, 1.0, 1.0, np.inf, 2.0])  # of a step in x, y (px), m, a, b, flux, index
FURTHEST_LINE = np.array([np.inf, 2.0, 0.7])  # peak, centre (channels), log width


@dataclass(frozen=True)
class Priors:
    """Weak knowledge of sources that keeps the parameters of faint ones finite: means and standard deviations.

    Attributes
    ----------
    log_size : (mean, std)
        Of m, the logarithm of the product of both standard deviations (pixels squared).
    elongation : float
        Standard deviation of a and b, so of the logarithm of the axis ratio.
    index : float
        Standard deviation of the spectral index about 0.
    log_width : (mean, std)
        Of the logarithm of the standard deviation of a line (channels).
    """

    log_size: tuple[float, float]
    elongation: float = 1.0
    index: float = 1.0
    log_width: tuple[float, float] = (math.log(2.0), 1.0)

    @classmethod
    def of_beam(cls, sigma: float) -> Priors:
        """Sizes about that of the beam, within a factor of about 2 either way."""
        return cls((2.0 * math.log(sigma), 1.5))

    def terms(self, component: Component) -> tuple[np.ndarray, np.ndarray]:
        """Precision of each parameter, and that times the distance from its mean; 0 for those without a prior."""
        precision, mean = np.zeros(len(component.values)), np.zeros(len(component.values))
        precision[2:5] = 1.0 / self.log_size[1] ** 2, 1.0 / self.elongation**2, 1.0 / self.elongation**2
        mean[2] = self.log_size[0]
        precision[6] = 1.0 / self.index**2
        precision[N_FIXED + 2 :: 3], mean[N_FIXED + 2 :: 3] = 1.0 / self.log_width[1] ** 2, self.log_width[0]
        return precision, precision * (component.values - mean)

    def penalty(self, components: Sequence[Component]) -> float:
        """Sum of the squares of the distances from the means, in standard deviations."""
        total = 0.0
        for one in components:
            precision, pull = self.terms(one)
            used = precision > 0
            total += float((pull[used] ** 2 / precision[used]).sum())
        return total


@dataclass(frozen=True, eq=False)
class Solution:
    """Sources that were fitted together.

    Attributes
    ----------
    components : list of Component
    chi2 : float
        Less that of a model without sources; with the priors.
    converged : bool
        Whether it is known that no step of all sources together promises a better fit.
    scene : Scene, optional
    priors : Priors, optional
        Both of a fit of one source at least.
    evaluated : Products, optional
        Those of the sources, where they are there.
    """

    components: list[Component]
    chi2: float
    converged: bool
    scene: Scene | None = None
    priors: Priors | None = None
    evaluated: Products | None = None

    @cached_property
    def products(self) -> Products | None:
        """What the fit needs of the data; None without sources."""
        if self.evaluated is not None or self.scene is None:
            return self.evaluated
        return self.scene.products(self.components)

    @cached_property
    def covariance(self) -> np.ndarray:
        """Of all parameters, source by source: inverse of the Fisher matrix and the precision of the priors, (p, p)."""
        if self.products is None or self.priors is None:
            return np.zeros((0, 0))
        return inverse_of(_equations(self.products, self.priors)[0])

    @property
    def chi2_of_data(self) -> float:
        """chi^2 without the priors."""
        return self.chi2 if self.priors is None else self.chi2 - self.priors.penalty(self.components)

    def covariance_of(self, number: int) -> np.ndarray:
        """Covariance of the parameters of one source, the others marginalised."""
        return block_of(self.covariance, self.components, number)


NOTHING = Solution([], 0.0, True)


def with_amplitudes(scene: Scene, components: Sequence[Component]) -> list[Component]:
    """Sources with the fluxes that fit best at their other parameters."""
    if not components:
        return []
    products = scene.products(components)
    matrix, right, chosen = products.amplitudes()
    # Two starts at one place have fluxes that only their sum decides: a trace of a ridge shares it.
    matrix = matrix + np.diag(1e-4 * np.diag(matrix) + 1e-300)
    step = np.zeros(starts_of(components)[-1])
    step[chosen] = np.linalg.solve(matrix, right)
    values = np.concatenate([one.values for one in components])
    values[chosen] = step[chosen]
    return [Component(part) for part in np.split(values, starts_of(components)[1:-1])]


def solve(scene: Scene, components: Sequence[Component], priors: Priors, max_steps: int = MAX_STEPS) -> Solution:
    """Fit sources together.

    Parameters
    ----------
    scene : Scene
    components : sequence of Component
        Where to start.
    priors : Priors
    max_steps : int
        Evaluations of the model at most.

    Returns
    -------
    Solution
    """
    if not components:
        return NOTHING
    current = scene.products(components)
    value = current.chi2() + priors.penalty(components)
    damping, steps, converged = DAMPING[0], 0, False
    fisher, gradient = _equations(current, priors)
    while steps < max_steps:
        scale = np.diag(fisher)
        step = np.linalg.solve(fisher + np.diag(damping * scale + 1e-300), gradient)
        step = step * _as_far_as_trusted(current.components, step)
        promised = float(step @ gradient - 0.5 * step @ fisher @ step) * 2.0
        if promised < DONE:
            converged = True
            break
        tried = [one.moved(part) for one, part in
                 zip(current.components, np.split(step, starts_of(current.components)[1:-1]), strict=True)]  # fmt: skip
        there = scene.products(tried)
        steps += 1
        found = there.chi2() + priors.penalty(tried)
        if found < value:
            gained = value - found
            current, value = there, found
            fisher, gradient = _equations(current, priors)
            damping = max(damping * (0.1 if gained > 0.5 * promised else 0.5), 1e-9)
        else:
            damping *= 10.0
            if damping > DAMPING[1]:
                break
    return Solution(current.components, value, converged, scene, priors, current)


def promised(products: Products, priors: Priors, groups: Sequence[Sequence[int]]) -> np.ndarray:
    """What of chi^2 a step of each group of sources promises, the others staying where they are, shape (group,)."""
    fisher, gradient = _equations(products, priors)
    starts, found = starts_of(products.components), []
    for group in groups:
        own = np.concatenate([np.arange(starts[number], starts[number + 1]) for number in group])
        found.append(float(gradient[own] @ inverse_of(fisher[np.ix_(own, own)]) @ gradient[own]))
    return np.array(found)


def inverse_of(fisher: np.ndarray) -> np.ndarray:
    """Inverse of a Fisher matrix, with large errors and not negative variances where the data do not tell parameters.

    As two sources at one place, of which one is negative: images of single precision give products whose smallest
    eigenvalues, and whose diagonal, may have any sign.
    """
    scale = 1.0 / np.sqrt(np.abs(np.diag(fisher)) + 1e-300)
    values, vectors = np.linalg.eigh(fisher * np.outer(scale, scale))
    return (vectors / np.maximum(values, LEAST_KNOWN)) @ vectors.T * np.outer(scale, scale)


def _equations(products: Products, priors: Priors) -> tuple[np.ndarray, np.ndarray]:
    fisher, gradient = products.equations()
    terms = [priors.terms(one) for one in products.components]
    return fisher + np.diag(np.concatenate([p for p, _ in terms])), gradient - np.concatenate([g for _, g in terms])


def _as_far_as_trusted(components: Sequence[Component], step: np.ndarray) -> float:
    """Share of a step that moves no parameter farther than the linear model may be trusted."""
    limits = np.concatenate([part for one in components for part in (FURTHEST, *[FURTHEST_LINE] * one.n_lines)])
    return min(1.0, float((limits / np.maximum(np.abs(step), 1e-300)).min()))
