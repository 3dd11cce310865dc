"""The plane of spatial frequencies of an image, cut off at the longest baseline.

A dirty image has no power beyond it. So all that it says of sources is kept when its transform is cut off there and
brought back to pixels as wide as that allows, and every image that the fit makes is as small.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from scipy.fft import next_fast_len

AT_A_TIME = 8  # transforms, on a processor
ENOUGH = 2**13  # frequencies beyond the longest baseline whose power tells that of white noise within a per cent


@dataclass(frozen=True)
class Grid:
    """The plane of spatial frequencies of an image, and the wider pixels that hold all of it.

    Attributes
    ----------
    shape : (y, x)
        Of the image, pixels.
    padded : (y, x)
        Of the area of the transform, pixels: twice the image, so that no offset between two pixels wraps around.
    half : (v, u)
        Largest spatial frequencies that are kept, in cells of 1 / padded.
    """

    shape: tuple[int, int]
    padded: tuple[int, int]
    half: tuple[int, int]

    @cached_property
    def cells(self) -> tuple[int, int]:
        """Samples of the padded area along y and x."""
        y, x = (int(next_fast_len(2 * half + 2, real=True)) for half in self.half)
        return min(y, self.padded[0]), min(x + x % 2, self.padded[1])

    @cached_property
    def steps(self) -> tuple[float, float]:
        """Distance of samples along y and x, pixels."""
        return self.padded[0] / self.cells[0], self.padded[1] / self.cells[1]

    @cached_property
    def samples(self) -> tuple[int, int]:
        """Samples along y and x that lie in the image, at 0, 1, 2, ... steps from its first pixel."""
        y, x = (int((size - 1) / step) + 1 for size, step in zip(self.shape, self.steps, strict=True))
        return y, x

    @cached_property
    def pixels_of_samples(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows (y, 1) and columns (1, x) of the pixels next to the samples in the image."""
        rows, columns = (np.minimum((np.arange(n) * step).round().astype(int), size - 1)
                         for n, step, size in zip(self.samples, self.steps, self.shape, strict=True))  # fmt: skip
        return rows[:, None], columns[None]

    @cached_property
    def kept(self) -> tuple[np.ndarray, np.ndarray]:
        """Spatial frequencies of the rows (0, 1, ... -1) and columns (0, 1, ...) of a transform, in cells."""
        rows = np.fft.fftfreq(self.cells[0], 1.0 / self.cells[0]).round().astype(int)
        return rows, np.arange(self.cells[1] // 2 + 1)

    @cached_property
    def inside(self) -> np.ndarray:
        """Whether each cell of a transform is kept, shape (v, u)."""
        rows, columns = self.kept
        return (np.abs(rows) <= self.half[0])[:, None] & (columns <= self.half[1])[None]

    @cached_property
    def wavenumbers(self) -> tuple[np.ndarray, np.ndarray]:
        """2 pi times the spatial frequencies along y and x, rad a pixel."""
        rows, columns = self.kept
        return 2.0 * np.pi * rows / self.padded[0], 2.0 * np.pi * columns / self.padded[1]

    @cached_property
    def counts(self) -> np.ndarray:
        """How many cells of the whole plane each that is kept stands for in a sum over all of it, shape (v, u)."""
        twice = np.where(self.inside, 2.0, 0.0)
        twice[:, 0] *= 0.5
        return twice

    @property
    def scale(self) -> float:
        """Factor on samples that makes the sum of their squares that of the pixels."""
        return math.sqrt(self.cells[0] * self.cells[1] / (self.padded[0] * self.padded[1]))

    def cut(self, images: torch.Tensor) -> torch.Tensor:
        """Transform of images (n, y, x) on the padded area, cut off at the largest frequency: (n, v, u), complex."""
        return self._inner(self._columns(torch.fft.rfft(images, n=self.padded[1])))

    def cut_and_beyond(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What `cut` gives, and the power of each image at some of its frequencies beyond the largest: (n, cells)."""
        along_x = torch.fft.rfft(images, n=self.padded[1])
        whole = self._columns(along_x)
        # The area is padded to twice the image: every second frequency is one of the image.
        near, far = (np.arange(0, size, 2) for size in (self.half[1] + 3, self.padded[1] // 2 + 1))
        rows = np.arange(0, self.padded[0], 2)
        rows = rows[np.minimum(rows, self.padded[0] - rows) > self.half[0] + 2]
        near, far = near[near < whole.shape[1]], far[far > self.half[1] + 2]
        rows = rows[:: max(1, len(rows) * len(near) // ENOUGH)]
        far = far[:: max(1, len(far) * self.shape[0] // ENOUGH)]
        device = images.device
        above = whole[:, torch.from_numpy(near).to(device)][..., torch.from_numpy(rows).to(device)]
        beside = torch.fft.fft(along_x[..., torch.from_numpy(far).to(device)], dim=-2)
        return self._inner(whole), torch.cat([squared(part).flatten(1) for part in (above, beside)], dim=1)

    def _columns(self, along_x: torch.Tensor) -> torch.Tensor:
        """Transform along y on the padded area of columns (n, y, u) that are kept: (n, u, v)."""
        kept = along_x[..., : self.cells[1] // 2 + 1]
        return torch.fft.fft(kept.transpose(-1, -2).contiguous(), n=self.padded[0])

    def _inner(self, transform: torch.Tensor) -> torch.Tensor:
        rows = torch.from_numpy(self.kept[0] % self.padded[0]).to(transform.device)
        return transform[..., rows].transpose(-1, -2) * torch.from_numpy(self.inside).to(transform.device)

    def sampled(self, transform: torch.Tensor, factor: torch.Tensor | None = None) -> torch.Tensor:
        """Samples in the image of what has this transform (n, v, u), times a factor: (n, y, x), scaled by `scale`."""
        images = transform.real.new_empty(len(transform), *self.samples)
        # A few at a time stay in the cache of a processor.
        few = len(transform) if transform.is_cuda else AT_A_TIME
        for start in range(0, len(transform), few):
            part = slice(start, start + few)
            some = transform[part] if factor is None else transform[part] * factor.expand_as(transform)[part]
            # The rows that lie outside the image are not transformed a second time.
            columns = torch.fft.ifft(some, dim=-2)[..., : self.samples[0], :]
            torch.mul(torch.fft.irfft(columns, n=self.cells[1])[..., : self.samples[1]], self.scale, out=images[part])
        return images

    def pixels(self, transform: torch.Tensor) -> torch.Tensor:
        """Pixels of what has this transform (n, v, u), not sampled and not scaled: (n, y, x)."""
        device = transform.device
        whole = torch.zeros(len(transform), self.padded[0], len(self.kept[1]), dtype=transform.dtype, device=device)
        whole[:, torch.from_numpy(self.kept[0] % self.padded[0]).to(device)] = transform
        rows = torch.fft.ifft(whole, dim=-2)[:, : self.shape[0]]
        return torch.fft.irfft(rows, n=self.padded[1])[..., : self.shape[1]]

    def offsets(self, power: np.ndarray) -> np.ndarray:
        """Covariance by offset on the padded area, (y, x) from offset 0, of what has a power by frequency (v, u)."""
        whole = np.zeros((self.padded[0], self.padded[1] // 2 + 1))
        whole[np.ix_(self.kept[0] % self.padded[0], self.kept[1])] = power
        return np.fft.irfft2(whole, s=self.padded)

    def of_offsets(self, covariance: np.ndarray) -> np.ndarray:
        """Power by frequency (v, u) of what has a covariance by offset: the inverse of `offsets`."""
        return np.fft.rfft2(covariance).real[np.ix_(self.kept[0] % self.padded[0], self.kept[1])]


def squared(values: torch.Tensor) -> torch.Tensor:
    """Square of the modulus of complex numbers, without the root that `torch.abs` takes."""
    return torch.view_as_real(values).square().sum(dim=-1)
