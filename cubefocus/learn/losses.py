"""Losses and their weights over the epochs (MNRAS Eq. 6-10 and 20), and those of DECORAS."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from cubefocus.errors import CubefocusError

K1, K2 = 0.01, 0.03  # MNRAS 4.1
VALIDATION_WEIGHTS = (0.5, 0.5)  # fixed: a loss whose weights move cannot be compared between epochs
GAUSSIAN_SIGMA, GAUSSIAN_SIZE, UNIFORM_SIZE = 1.5, 11, 7


def _window(kind: str) -> list[float]:
    """Weights of the sliding window along one axis."""
    if kind == "uniform":
        return [1 / UNIFORM_SIZE] * UNIFORM_SIZE
    if kind == "gaussian":
        raw = [math.exp(-0.5 * ((i - GAUSSIAN_SIZE // 2) / GAUSSIAN_SIGMA) ** 2) for i in range(GAUSSIAN_SIZE)]
        return [value / sum(raw) for value in raw]
    raise CubefocusError(f"SSIM window is '{kind}'; give gaussian or uniform")


@lru_cache(maxsize=8)
def _averaging(size: int, kind: str, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Matrix (size, size - window + 1) whose columns average over the window where it lies inside the image.

    Two products with such a matrix take a tenth of the time of two one-channel convolutions on a CPU.
    """
    weights = _window(kind)
    if size < len(weights):
        raise CubefocusError(f"images of {size} px are smaller than the {kind} SSIM window of {len(weights)} px")
    matrix = torch.zeros(size, size - len(weights) + 1, dtype=dtype)
    for offset, weight in enumerate(weights):
        matrix.diagonal(-offset).fill_(weight)
    return matrix.to(device)


def _means(images: Tensor, kind: str) -> Tensor:
    """Local means of images (..., y, x)."""
    along_y = _averaging(images.shape[-2], kind, images.device, images.dtype)
    along_x = _averaging(images.shape[-1], kind, images.device, images.dtype)
    return along_y.T @ (images @ along_x)


def ssim(x: Tensor, y: Tensor, window: str = "gaussian", data_range: float = 1.0) -> Tensor:
    """Mean structural similarity of pairs of images (MNRAS Eq. 8).

    Parameters
    ----------
    x, y : Tensor, shape (..., y, x)
    window : {"gaussian", "uniform"}
        Gaussian of sigma 1.5 px cut at 11 px, or 7 x 7 px with equal weights.
    data_range : float
        L of MNRAS Eq. 9-10. Images in [0, 1] have L = 1; the printed 2^32 - 1 would make the two constants
        swamp every image.

    Returns
    -------
    Tensor, scalar

    Raises
    ------
    CubefocusError
        If the window is unknown or larger than the images.
    """
    mean_x, squares, product = _means(torch.stack([x, x * x + y * y, x * y]), window)
    mean_y = _means(y, window)  # on its own, because the target asks for no gradient
    c1, c2 = (K1 * data_range) ** 2, (K2 * data_range) ** 2
    product_of_means, squares_of_means = mean_x * mean_y, mean_x * mean_x + mean_y * mean_y
    luminance = (2 * product_of_means + c1) / (squares_of_means + c1)
    structure = (2 * (product - product_of_means) + c2) / (squares - squares_of_means + c2)
    return (luminance * structure).mean()


def dssim(x: Tensor, y: Tensor, window: str = "gaussian") -> Tensor:
    """Structural dissimilarity in [0, 1] (MNRAS Eq. 7)."""
    return (1 - ssim(x, y, window)) / 2


def loss_weights(epoch: int, epochs: int) -> tuple[float, float]:
    """Weights (a, b) of L1 and DSSIM: from (1, 0) in epoch 0 to (0, 1) in the last one, in equal steps (MNRAS 4.5)."""
    b = min(epoch / (epochs - 1), 1.0) if epochs > 1 else 0.0
    return 1.0 - b, b


def image_loss(prediction: Tensor, target: Tensor, weights: tuple[float, float], window: str = "gaussian") -> Tensor:
    """a L1 + b DSSIM (MNRAS Eq. 20); a part of weight zero is not computed."""
    a, b = weights
    total = prediction.new_zeros(())
    if a:
        total = total + a * F.l1_loss(prediction, target)
    if b:
        total = total + b * dssim(prediction, target, window)
    return total


def msle(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean squared difference of log(1 + x) of maps in [0, 1]."""
    return F.mse_loss(torch.log1p(prediction), torch.log1p(target))
