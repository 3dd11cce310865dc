"""U-Net: a Blobs Finder that keeps the resolution through skip connections (Ronneberger et al. 2015, MICCAI)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from cubefocus.errors import CubefocusError


def level(n_in: int, n_out: int) -> nn.Sequential:
    """Two convolutions at one resolution; batch normalisation takes the place of their biases."""
    layers: list[nn.Module] = []
    for n_maps in (n_in, n_out):
        layers += [nn.Conv2d(n_maps, n_out, 3, padding=1, bias=False), nn.BatchNorm2d(n_out), nn.ReLU()]
    return nn.Sequential(*layers)


class UNet(nn.Module):
    """Small U-Net, 0.48 million parameters at its default size, whatever the size of the image.

    A block of ``shuffle`` x ``shuffle`` pixels enters as the maps of one pixel and leaves so (Shi et al. 2016, CVPR):
    the layers at full resolution, which take most of the time on a CPU, see a quarter of the pixels.

    Parameters
    ----------
    image_size : int
        Side of the square image in px, a multiple of ``shuffle`` times 2 for each level after the first.
    widths : sequence of int
        Feature maps of each level, from the finest to the coarsest.
    shuffle : int
        Side in px of the blocks that become maps; 1 for none.
    output_bias : float
        Start value of the bias before the sigmoid: the logit of the mean target, for an almost empty sky.

    Raises
    ------
    CubefocusError
        If the image size does not survive the halvings.
    """

    def __init__(
        self,
        image_size: int = 256,
        widths: Sequence[int] = (32, 48, 64, 96),
        shuffle: int = 2,
        output_bias: float = 0.0,
    ) -> None:
        super().__init__()
        step = shuffle * 2 ** (len(widths) - 1)
        if image_size < step or image_size % step:
            raise CubefocusError(f"models.image_size is {image_size}; the U-Net needs a multiple of {step}")
        self.image_size = image_size
        self.down = nn.ModuleList(level(a, b) for a, b in pairwise([shuffle**2, *widths]))
        self.up = nn.ModuleList(level(a + b, b) for a, b in pairwise(widths[::-1]))
        self.final = nn.Conv2d(widths[0], shuffle**2, 1)
        self.side = shuffle
        self.pool, self.enlarge = nn.MaxPool2d(2), nn.Upsample(scale_factor=2, mode="bilinear")
        # the map starts at the mean target nearly everywhere: first steps that only remove noise from it are saved
        nn.init.normal_(self.final.weight, std=0.01)
        nn.init.constant_(self.final.get_parameter("bias"), output_bias)

    def forward(self, images: Tensor) -> Tensor:
        """Map of sources.

        Parameters
        ----------
        images : Tensor, shape (b, 1, y, x)
            Integrated dirty images, each scaled to [0, 1].

        Returns
        -------
        Tensor, shape (b, 1, y, x)
            Estimate of the integrated sky image scaled to [0, 1].
        """
        maps = self.down[0](unshuffle(images, self.side))
        skipped = []
        for level in self.down[1:]:
            skipped.append(maps)
            maps = level(self.pool(maps))
        for level in self.up:
            maps = level(torch.cat([self.enlarge(maps), skipped.pop()], dim=1))
        with torch.autocast(maps.device.type, enabled=False):  # bfloat16 has three digits, too few for what is compared
            return torch.sigmoid(shuffle(self.final(maps.to(self.final.weight.dtype)), self.side))


# torch's own pixel_unshuffle and pixel_shuffle (2.13) give a batch of no images back as it is, in the wrong shape.
def unshuffle(images: Tensor, side: int) -> Tensor:
    """Squares of pixels to maps, (b, 1, y, x) to (b, side^2, y / side, x / side)."""
    b, _, y, x = images.shape
    squares = images.reshape(b, y // side, side, x // side, side).permute(0, 2, 4, 1, 3)
    return squares.reshape(b, side**2, y // side, x // side)


def shuffle(maps: Tensor, side: int) -> Tensor:
    """The way back."""
    b, _, y, x = maps.shape
    squares = maps.reshape(b, side, side, y, x).permute(0, 3, 1, 4, 2)
    return squares.reshape(b, 1, y * side, x * side)
