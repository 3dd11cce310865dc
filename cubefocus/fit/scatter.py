"""How much the values of a fit scatter from the noise that a cube has, not from that which its weights take it to have.

The fit minimises ``|W (d - m)|^2``, where W cuts a cube off at the longest baseline, divides it by the root of the
power of its noise and keeps the samples that have data. Near where the image ends, where the power changes from one
spatial frequency to the next, and where the weights were given a floor, W does not make noise white: the inverse of the
Fisher matrix F is then not the covariance of the parameters. That follows from the noise itself. With the derivatives J
of the model the parameters move by ``F^-1 J^T W n`` where the noise n is added, so that

    covariance = F^-1 (J^T W <n n^T> W^T J) F^-1,

the sandwich of Huber (1967, Proc. 5th Berkeley Symp. Math. Stat. Prob. 1, 221). ``W^T J`` are images that end with the
data, and the power of the noise weighs their transforms: exact for noise that is the same everywhere.

What CLEAN leaves around sources is alike in all channels, and no noise that channels do not share tells of it. But the
mean of the residual over the channels does: it scatters more than the mean of their noise. The excess adds to
``<n n^T>`` a part that all channels share.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from cubefocus.fit.grid import AT_A_TIME
from cubefocus.fit.model import Scene
from cubefocus.fit.products import Products
from cubefocus.fit.solve import Priors, Solution

COLUMNS = 4096  # cells of the transforms that are summed at a time, in double precision


def covariance(scene: Scene, solution: Solution) -> np.ndarray:
    """Covariance of all parameters of a fit.

    Parameters
    ----------
    scene : Scene
    solution : Solution
        Of its sources.

    Returns
    -------
    ndarray, shape (p, p)
        Source by source, in the units of the parameters.
    """
    if solution.products is None:
        return solution.covariance
    products = solution.products
    spread = replace(products, gram=np.stack([_spread(scene, products, band) for band in range(len(products.gram))]))
    mix, spectra = products.columns()
    priors = Priors.of_beam(scene.beam.sigma)
    known = np.concatenate([priors.terms(one)[0] for one in products.components])
    inner = spread.inner(mix, spectra, mix, spectra) + np.diag(known)
    if scene.noise.shared:
        weight, middle = scene.spectral.weight, len(products.gram) // 2
        shared = np.outer(*[spectra @ weight] * 2) * (mix @ spread.gram[middle] @ mix.T)
        inner += shared_power(scene, solution) * shared
    return solution.covariance @ inner @ solution.covariance


def shared_power(scene: Scene, solution: Solution) -> float:
    """Power of what the residuals of all channels have in common, over that of the noise of one."""
    residual, weight = scene.residual(solution.components)[:, scene.held].double(), scene.spectral.weight
    along = torch.from_numpy(weight).to(residual.device)
    norm = float(along @ along)
    mean = along @ residual / norm
    own = float((residual - along[:, None] * mean).square().mean()) * len(weight) / max(scene.used_channels - 1, 1)
    return max(float(mean.square().mean()) / own - 1.0 / norm, 0.0) if own > 0 else 0.0


def _spread(scene: Scene, products: Products, band: int) -> np.ndarray:
    """Covariance of the products of images with a channel of noise, shape (image, image)."""
    grid, held = scene.beam.grid, scene.held.reshape(scene.beam.grid.samples)
    # Parseval's theorem: a sum of products over the samples is one over the plane of spatial frequencies.
    weights = grid.counts / (grid.cells[0] * grid.cells[1])
    power = torch.from_numpy(np.sqrt(weights * scene.noise.in_endless_image).astype(np.float32)).to(held.device)
    parts = []
    for seen in scene.images(products.components, band).reshape(-1, *grid.samples).split(AT_A_TIME):
        back = torch.fft.irfft2(torch.fft.rfft2(seen, s=grid.cells) * scene.whiten, s=grid.cells)
        ended = torch.fft.rfft2(back[:, : grid.samples[0], : grid.samples[1]] * held, s=grid.cells)
        parts.append(torch.view_as_real(ended * power).flatten(1))
    weighted, total = torch.cat(parts), np.zeros_like(products.gram[band])
    for some in weighted.split(COLUMNS, dim=1):
        total += (some.double() @ some.double().T).cpu().numpy()
    return total
