"""Which sources a change of one of them moves: those whose images have much in common with its image.

What a source takes from another one's flux is the product of both images over their norms. Behind a beam with low
sidelobes that is next to nothing between most of the sources of a large image, so that one which comes, goes or changes
its line leaves them where they are.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import maximum_filter
from scipy.sparse.csgraph import connected_components

from cubefocus.fit.model import Scene
from cubefocus.fit.source import Component

COUPLED = 0.03  # product of two images over their norms, from which a change of one source moves the other
WIDTHS = (0.0, 1.0, 2.0, 4.0, 8.0)  # standard deviations of both sources together, in those of the beam


class Nearby:
    """Products of the images of two sources by their offset and width.

    Parameters
    ----------
    scene : Scene
    """

    def __init__(self, scene: Scene) -> None:
        grid, self.sigma, self.steps = scene.beam.grid, scene.beam.sigma, scene.beam.grid.steps
        power = scene.transfer.double().square().mean(dim=0).cpu().numpy()
        ky, kx = grid.wavenumbers
        square = ky[:, None] ** 2 + kx[None] ** 2
        maps, highest = [], np.zeros(grid.cells)
        for width in WIDTHS:
            product = np.fft.irfft2(power * np.exp(-0.5 * (width * self.sigma) ** 2 * square), s=grid.cells)
            # Derivatives of images reach a little farther than these, and sidelobes of narrower sources may be higher.
            highest = np.maximum(highest, maximum_filter(np.abs(product) / product[0, 0], 3, mode="wrap"))
            maps.append(highest)
        self.maps = np.stack(maps)

    def coupling(self, one: Component, others: Sequence[Component]) -> np.ndarray:
        """Product of the images of one source and of others over their norms, at most, shape (n,)."""
        together = np.stack([one.cov + other.cov for other in others])
        widths = np.sqrt(np.linalg.eigvalsh(together)[:, -1]) / self.sigma
        offsets = np.abs(np.array([other.centre for other in others]) - one.centre) / self.steps[::-1]
        columns, rows = offsets.round().astype(int).T
        return np.asarray(self.maps[np.searchsorted(WIDTHS[:-1], widths), rows % self.maps.shape[1],
                                    columns % self.maps.shape[2]])  # fmt: skip

    def groups(self, components: Sequence[Component]) -> list[list[int]]:
        """Numbers of the components in groups, none of which is coupled to one of another group."""
        coupled = np.array([self.coupling(one, components) > COUPLED for one in components])
        _, group = connected_components(coupled, directed=False)
        return [np.flatnonzero(group == number).tolist() for number in range(group.max(initial=-1) + 1)]

    def moved(self, components: Sequence[Component], changed: Sequence[Component]) -> list[int]:
        """Numbers of the components that are coupled to one that has come, gone or changed, in their order."""
        if not components:
            return []
        coupled = np.zeros(len(components), dtype=bool)
        for one in changed:
            coupled |= self.coupling(one, components) > COUPLED
        return np.flatnonzero(coupled).tolist()
