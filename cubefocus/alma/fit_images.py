"""What a cube shows of the sources of a fit: their images in a part of it, and their spectra."""

from __future__ import annotations

import math

import numpy as np
import torch

from cubefocus.fit.beam import Beam
from cubefocus.fit.fitted import Fitted
from cubefocus.fit.model import transforms
from cubefocus.fit.source import Component

ENDS = 7.0  # standard deviations from its centre at which a Gaussian is a part in 10^11 of its peak


def window_images(fitted: Fitted, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Dirty images of the sources of a fit, of 1 Jy each, in a part of the image: Jy/beam, shape (n, row, column).

    With the dirty beam of the middle of the band.
    """
    images = np.zeros((len(fitted.components), len(rows), len(columns)))
    beam = fitted.scene.beam
    near = [number for number, one in enumerate(fitted.components) if _reaches(one, beam, rows, columns)]
    if not near:
        return images
    transfer = torch.from_numpy(beam.transfer[len(beam.transfer) // 2].astype(np.float32))
    weighted = transforms(beam.grid, transfer, [fitted.components[number] for number in near], derivatives=False)
    weighted = weighted * torch.from_numpy((beam.grid.counts / math.prod(beam.grid.padded)).astype(np.float32))
    along_y, along_x = waves(rows, columns, beam)
    images[near] = (along_y @ weighted @ along_x.mT).real.double().numpy()
    return images


def _reaches(one: Component, beam: Beam, rows: np.ndarray, columns: np.ndarray) -> bool:
    """Whether the image of a source is not 0 in a part of the image: a dirty beam has no end, a Gaussian hardly one."""
    if beam.restoring is None:
        return True
    reach = ENDS * np.sqrt(np.diag(one.cov + beam.lobe))
    return all(
        at[0] - far < centre < at[-1] + far for at, centre, far in zip((columns, rows), one.centre, reach, strict=True)
    )


def spectra_of(fitted: Fitted) -> np.ndarray:
    """Spectra of the sources of a fit as the cube shows them, Jy, 0 in channels without data, shape (n, channel)."""
    products = fitted.solution.products
    relative = fitted.scene.noise.relative  # the fit's spectra are weighted by one over it
    if products is None:
        return np.zeros((0, len(relative)))
    totals = np.stack([total for total, _ in products.spectra])
    return totals * np.where(np.isfinite(relative), relative, 0.0)


def waves(rows: np.ndarray, columns: np.ndarray, beam: Beam) -> tuple[torch.Tensor, torch.Tensor]:
    """Waves of each spatial frequency on rows, (row, v), and on columns, (column, u)."""
    pairs = zip((rows, columns), beam.grid.wavenumbers, strict=True)
    along_y, along_x = (torch.from_numpy(np.exp(1j * np.outer(at, k)).astype(np.complex64)) for at, k in pairs)
    return along_y, along_x
