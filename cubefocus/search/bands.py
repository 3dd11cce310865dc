"""Windows of channels, and the images of them as the network of the search takes them."""

from __future__ import annotations

import math

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from cubefocus.stats.noise import robust_width

LEAST_HELD = 64  # pixels with data that the noise of an image is measured in


def bands_of(n_channels: int, width: int) -> list[tuple[int, int]]:
    """Half overlapping windows (first channel, end) of a width that cover a band; one if the band is no wider."""
    if width >= n_channels:
        return [(0, n_channels)]
    starts = [*range(0, n_channels - width, max(width // 2, 1)), n_channels - width]
    return [(start, start + width) for start in starts]


def widths_of(n_channels: int, narrowest: int) -> list[int]:
    """Widths of windows, each twice the one before, up to the whole band."""
    widths, width = [], narrowest
    while width < n_channels:
        widths.append(width)
        width *= 2
    return [*widths, n_channels]


def resampled(images: Tensor, factor: float) -> Tensor:
    """Images (b, y, x) with ``factor`` times as many pixels along each axis, at least one; smoothed where fewer."""
    shape = [max(round(size * factor), 1) for size in images.shape[-2:]]
    if tuple(shape) == tuple(images.shape[-2:]):
        return images
    return F.interpolate(images[:, None], shape, mode="bicubic", antialias=True, align_corners=False)[:, 0]


def over_noise(image: np.ndarray, held: np.ndarray) -> np.ndarray:
    """An image over its robust width where there are data, and 0 elsewhere; 0 everywhere if it has no width."""
    values = image[held]
    width = robust_width(values) if values.size >= LEAST_HELD else 0.0
    if not (math.isfinite(width) and width > 0):
        return np.zeros_like(image)
    return np.where(held, image / np.float32(width), np.float32(0.0)).astype(np.float32)
