"""A small U-Net in Blobs Finder's place: convolutions only, so that it learns a source wherever it lies.

Blobs Finder passes every image through a vector of 1024 numbers and must see sources everywhere before it can
place them. Skip connections and weights that are the same in every pixel need far fewer images (Ronneberger et
al. 2015, MICCAI, 234).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SLOPE = 0.1


class UNet(nn.Module):
    """Map an integrated dirty image to an integrated sky image, both in [0, 1].

    Parameters
    ----------
    image_size : int
        Side of the images in pixels, a multiple of ``fold * 2 ** (len(widths) - 1)``.
    widths : sequence of int
        Feature maps of each level, from the finest to the coarsest.
    fold : int
        The image is folded into ``fold`` x ``fold`` channels first: the finest level then has fewer pixels.
    output_bias : float
        Bias before the last sigmoid, the logit of the mean target: otherwise the first epochs teach nothing.
    """

    def __init__(
        self,
        image_size: int = 256,
        widths: Sequence[int] = (32, 48, 64, 96),
        fold: int = 2,
        output_bias: float = 0.0,
    ) -> None:
        super().__init__()
        step = fold * 2 ** (len(widths) - 1)
        if image_size < step or image_size % step:
            raise ValueError(f"image_size is {image_size}; it must be a multiple of {step}")
        self.image_size, self.fold = image_size, fold
        inputs = [fold * fold, *widths[:-1]]
        self.down = nn.ModuleList(_block(i, width) for i, width in zip(inputs, widths, strict=True))
        coarse = reversed(widths[1:])
        self.up = nn.ModuleList(_block(i + w, w) for i, w in zip(coarse, reversed(widths[:-1]), strict=True))
        self.head = nn.Conv2d(widths[0], fold * fold, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.constant_(self.head.bias, output_bias)

    def forward(self, images: Tensor) -> Tensor:
        """Predict maps.

        Parameters
        ----------
        images : Tensor, shape (b, 1, y, x)
            Integrated dirty images, each scaled to [0, 1].

        Returns
        -------
        Tensor, shape (b, 1, y, x)
            In [0, 1].
        """
        maps, skips = F.pixel_unshuffle(images, self.fold), []
        for level, block in enumerate(self.down):
            maps = block(maps if level == 0 else F.max_pool2d(maps, 2))
            skips.append(maps)
        for block, skip in zip(self.up, reversed(skips[:-1]), strict=True):
            larger = F.interpolate(maps, scale_factor=2, mode="bilinear", align_corners=False)
            maps = block(torch.cat([larger, skip], dim=1))
        return torch.sigmoid(F.pixel_shuffle(self.head(maps), self.fold))


def _block(inputs: int, outputs: int) -> nn.Sequential:
    """Two convolutions of 3 x 3 pixels, each with batch normalisation and LeakyReLU."""
    layers: list[nn.Module] = []
    for channels in (inputs, outputs):
        layers += [nn.Conv2d(channels, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.LeakyReLU(SLOPE)]
    return nn.Sequential(*layers)
