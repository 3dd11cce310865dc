"""Which sources a change of one of them moves: those whose images have much in common with its image.

What a source takes from another one's flux is the product of both images over their norms. Behind a beam with low
sidelobes that is next to nothing between most of the sources of a large image, so that one which comes, goes or changes
its line leaves them where they are.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import maximum_filter

from cubefocus.fit.model import Scene
from cubefocus.fit.source import Component

COUPLED = 0.03  # product of two images over their norms, from which a change of one source moves the other
LARGEST = 12  # sources of a group: steps of more are as short as the worst known of them allows
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

    def coupling(self, ones: Sequence[Component], others: Sequence[Component]) -> np.ndarray:
        """Products of the images of sources and of others over their norms, at most, shape (n, m)."""
        (centres, covs), (further, more) = (
            (np.array([one.centre for one in some]), np.array([one.cov for one in some])) for some in (ones, others)
        )
        widths = np.sqrt(np.linalg.eigvalsh(covs[:, None] + more)[..., -1]) / self.sigma
        offsets = ((further - centres[:, None]) / self.steps[::-1]).round().astype(int)
        rows, columns = offsets[..., 1] % self.maps.shape[1], offsets[..., 0] % self.maps.shape[2]
        return np.asarray(self.maps[np.searchsorted(WIDTHS[:-1], widths), rows, columns])

    def groups(self, components: Sequence[Component]) -> list[list[int]]:
        """Numbers of the components in groups, those that are coupled most in one as long as it is not too large."""
        couplings = self.coupling(components, components)
        first, second = np.nonzero(np.triu(couplings > COUPLED, 1))
        group = {number: [number] for number in range(len(components))}
        for at in np.argsort(-couplings[first, second], kind="stable").tolist():
            one, other = group[int(first[at])], group[int(second[at])]
            if one is not other and len(one) + len(other) <= LARGEST:
                one += other
                group |= dict.fromkeys(other, one)
        return sorted(sorted(one) for number, one in group.items() if number == min(one))

    def moved(self, components: Sequence[Component], changed: Sequence[Component]) -> list[int]:
        """Numbers of the components that are coupled to one that has come, gone or changed, in their order."""
        if not components or not changed:
            return []
        return np.flatnonzero((self.coupling(changed, components) > COUPLED).any(axis=0)).tolist()
