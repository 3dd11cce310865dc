"""What the fit says of a cube: its sources, with errors and significances."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from cubefocus.fit.model import Scene
from cubefocus.fit.products import block_of
from cubefocus.fit.scatter import covariance
from cubefocus.fit.solve import Solution
from cubefocus.fit.source import Component


@dataclass(frozen=True, eq=False)
class Fitted:
    """What the fit says of a cube.

    Attributes
    ----------
    scene : Scene
    solution : Solution
    significance : ndarray, shape (n,)
        Of each source.
    origin : list of int
        Number of the start that each source began with; -1 for one found in the residual.
    removed : list of (int, float)
        Starts that were removed, or merged into others, and their significance.
    left : float
        Significance of the highest peak that the fit leaves; infinite where that is not known.
    """

    scene: Scene
    solution: Solution
    significance: np.ndarray
    origin: list[int]
    removed: list[tuple[int, float]] = field(default_factory=list)
    left: float = math.inf

    @property
    def components(self) -> list[Component]:
        """The sources."""
        return self.solution.components

    @cached_property
    def covariance(self) -> np.ndarray:
        """Of all parameters, source by source, as the noise of the cube scatters them: shape (p, p)."""
        return covariance(self.scene, self.solution)

    def covariance_of(self, number: int) -> np.ndarray:
        """Covariance of the parameters of one source, the others marginalised."""
        return block_of(self.covariance, self.components, number)

    @property
    def positive(self) -> list[int]:
        """Numbers of the sources that emit more than they absorb: what is negative in all is no source in the sky."""
        spectra = [self.scene.spectral.of(one)[0].sum() for one in self.components]
        return [number for number, total in enumerate(spectra) if total > 0]

    @property
    def ranked(self) -> list[int]:
        """Numbers of the positive sources, most significant first."""
        return sorted(self.positive, key=lambda number: -self.significance[number])
