"""The network of the search: a small U-Net for images of any size in units of their noise."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cubefocus.networks.unet import level, shuffle, unshuffle

SIDE = 2  # of the squares of pixels that enter as the maps of one


class Proposer(nn.Module):
    """U-Net (Ronneberger et al. 2015, MICCAI) whose output is the logit that a source is seen in each pixel.

    Squares of 2 x 2 pixels enter as maps and leave so (Shi et al. 2016, CVPR): a beam of 4 pixels is sampled often
    enough by half of them.

    Parameters
    ----------
    widths : sequence of int
        Feature maps of each level, from the finest to the coarsest.
    compress : float
        Images enter as ``compress * asinh(image / compress)``: linear in the noise, logarithmic far above it, so that
        a source brighter than those of the training does not lead to numbers that no layer has seen.
    output_bias : float
        Start value of the logit, that of the mean target: an image that says nothing keeps it.
    """

    def __init__(
        self, widths: Sequence[int] = (16, 24, 32, 48), compress: float = 3.0, output_bias: float = 0.0
    ) -> None:
        super().__init__()
        self.compress = compress
        self.step = SIDE * 2 ** (len(widths) - 1)
        self.down = nn.ModuleList(level(a, b) for a, b in pairwise([SIDE**2, *widths]))
        self.up = nn.ModuleList(level(a + b, b) for a, b in pairwise(widths[::-1]))
        self.final = nn.Conv2d(widths[0], SIDE**2, 1)
        self.pool, self.enlarge = nn.MaxPool2d(2), nn.Upsample(scale_factor=2, mode="bilinear")
        nn.init.normal_(self.final.weight, std=0.01)
        nn.init.constant_(self.final.get_parameter("bias"), output_bias)

    def forward(self, images: Tensor) -> Tensor:
        """Logits of the pixels.

        Parameters
        ----------
        images : Tensor, shape (b, 1, y, x)
            In units of the noise; 0 where there are no data. Sides that the levels do not divide are filled up with 0.

        Returns
        -------
        Tensor, shape (b, 1, y, x)
        """
        height, width = images.shape[-2:]
        images = F.pad(images, (0, -width % self.step, 0, -height % self.step))
        maps = self.down[0](unshuffle(self.compress * torch.asinh(images / self.compress), SIDE))
        skipped = []
        for one in self.down[1:]:
            skipped.append(maps)
            maps = one(self.pool(maps))
        for one in self.up:
            maps = one(torch.cat([self.enlarge(maps), skipped.pop()], dim=1))
        with torch.autocast(maps.device.type, enabled=False):  # what is compared needs more digits than bfloat16 has
            logits = shuffle(self.final(maps.to(self.final.weight.dtype)), SIDE)
        return logits[..., :height, :width]
