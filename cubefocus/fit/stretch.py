"""Whether the dirty beam that a cube was fitted through is as wide as the one that it has.

A beam of other channels, other weights or another cell leaves rings around every source, in which the search of the
residual sees sources that are none. By how much it is too wide is one number for the whole cube: the dirty beam P is
taken to be P(r / s). Its transform T changes by ``dT / ds = 2 T + k . grad T`` at s = 1, which gives one more
derivative of the model; the normal equations then say s, with all parameters of all sources free.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from cubefocus.fit.beam import Beam
from cubefocus.fit.model import Scene, transforms
from cubefocus.fit.reach import with_flag
from cubefocus.fit.solve import Solution

CERTAIN = 5.0  # standard errors from 1 at which a beam is told to be of another width ...
WORTH_TELLING = 0.01  # ... if it is that by more than this share: less shifts fluxes by about a per cent
FLAG = "beam_differs"  # of all sources of such a cube


@dataclass(frozen=True)
class Stretch:
    """Width of the dirty beam that a cube has over that of the one it was fitted through.

    Attributes
    ----------
    value, error : float
        NaN and infinite where there is no source to tell it from.
    """

    value: float
    error: float

    @property
    def differs(self) -> bool:
        """Whether it is another beam beyond doubt."""
        return abs(self.value - 1.0) > max(CERTAIN * self.error, WORTH_TELLING)

    def flagged(self, flags: str) -> str:
        """Flags of a source, separated by semicolons, with one more where the beam differs."""
        return with_flag(flags, FLAG) if self.differs else flags

    @property
    def sentence(self) -> str:
        """What a user should know of a beam that differs."""
        return (
            f"its dirty beam is {100.0 * abs(self.value - 1.0):.1f} +- {100.0 * self.error:.1f} % "
            f"{'wider' if self.value > 1.0 else 'narrower'} than the given one: fluxes and sizes are off, and some "
            "sources are rings around others; give the PSF that was imaged with this cube (same channels, weights and "
            "cell)"
        )


def stretch_of(scene: Scene, solution: Solution) -> Stretch:
    """Measure by how much the dirty beam of a cube is wider than the given one, to first order.

    Parameters
    ----------
    scene : Scene
    solution : Solution
        Of its sources.

    Returns
    -------
    Stretch
    """
    products = solution.products
    if products is None:
        return Stretch(math.nan, math.inf)
    mix, spectra = products.columns()
    totals = np.stack([total for total, _ in products.spectra])
    # What is left where the images of the sources end as the cube does: the edge of a bright one looks like its rings.
    left = scene.residual(products.components)
    own, gradient, cross, gradients = 0.0, 0.0, np.zeros(len(mix)), np.zeros(len(mix))
    for number, band in enumerate(scene.beam.bands):
        wider, images = _wider(scene, solution, number), scene.images(products.components, number)
        along, parts = totals[:, band], spectra[:, band]
        own += float((_inner(wider, wider) * (along @ along.T)).sum())
        gradient += float((along * _inner(wider, left[band])).sum())
        cross += ((mix @ _inner(images, wider)) * (parts @ along.T)).sum(axis=1)
        gradients += ((mix @ _inner(images, left[band])) * parts).sum(axis=1)
    free = solution.covariance @ cross
    known = own - float(cross @ free)
    if not known > 0:
        return Stretch(math.nan, math.inf)
    return Stretch(1.0 + (gradient - float(free @ gradients)) / known, 1.0 / math.sqrt(known))


def _inner(first: torch.Tensor, second: torch.Tensor) -> np.ndarray:
    """Products of images with others, both (n, sample)."""
    return (first @ second.T).double().cpu().numpy()


def _wider(scene: Scene, solution: Solution, band: int) -> torch.Tensor:
    """Derivatives of images of sources of 1 Jy by the width of the dirty beam, (n, sample)."""
    grid = scene.beam.grid
    transfer = torch.from_numpy(_by_width(scene.beam, band).astype(np.float32)).to(scene.data.device)
    if scene.ends:
        seen = scene.ended(transforms(grid, transfer, solution.components, derivatives=False)) * scene.whiten
    else:
        seen = transforms(grid, transfer * scene.whiten, solution.components, derivatives=False)
    return grid.sampled(seen).reshape(len(seen), -1) * scene.held


def _by_width(beam: Beam, band: int) -> np.ndarray:
    """Derivative of the transform of a dirty beam by its width, shape (v, u).

    The gradient of a transform is that of the beam times its place, which unlike differences of cells holds for its
    farthest sidelobes, too.
    """
    grid, transfer = beam.grid, beam.transfer[band] * beam.grid.inside
    kernel = np.fft.irfft2(transfer, s=grid.cells)
    y, x = (np.fft.fftfreq(n, 1.0 / n) * step for n, step in zip(grid.cells, grid.steps, strict=True))
    ky, kx = grid.wavenumbers
    # The transform of -i x P; it is real, as P is symmetric.
    along_y, along_x = (np.fft.rfft2(place * kernel).imag for place in (y[:, None], x[None]))
    return (2.0 * transfer + ky[:, None] * along_y + kx[None] * along_x) * grid.inside
