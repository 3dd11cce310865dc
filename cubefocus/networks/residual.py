"""A small U-Net that corrects images of any size: what the autoencoder of GV22 dims is kept by construction."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cubefocus.networks.unet import shuffle, unshuffle

SIDE = 2  # of the squares of pixels that enter as the maps of one
TRUSTED = 10.0  # noise levels: the value of a brighter pixel says more of it than its neighbours, 10 % wrong, do
# Of an estimate and of a factor, both in the asinh scale: more than any image of the kind that a network has learnt
# from asks for. On images of another kind, whose sidelobes it has never seen, there would be no end to them.
ESTIMATE_LIMIT, FACTOR_LIMIT = 12.0, 10.0
NOISE = 2.45e-6  # Jy/arcsec^2: 0.1 mJy in a Gaussian beam of 6 arcsec (FWHM), GV22 section 3.2


class Residual(nn.Module):
    """U-Net (Ronneberger et al. 2015, MICCAI) with two outputs: the image corrected, and where emission is diffuse.

    It sees ``asinh(flux / scale)``: linear in the noise, logarithmic far above it, the same for every image and tile.
    Its result is the image and a correction of two parts. One is for the noise: a share of the pixel's own value is
    taken away and an estimate put in its place. It weighs less the brighter a pixel is above ten noise levels, where
    its own value is the better one, so that an estimate that averages the neighbours cannot dim a peak. The other is a
    factor, for beams and sidelobes, whose errors grow with the flux.

    Without the share, which is between 0 and 1, the layers would have to carry each pixel's noise to the output to
    subtract it there, which takes many times as long to learn.

    Its layers have no batch normalisation, as those of other networks that restore images (Lim et al. 2017, CVPR
    Workshops): tiles of an empty sky and of a cluster differ by orders of magnitude, so that each batch is divided by
    another scale, and no scale is right for an image as a whole. Without it the validation loss is a quarter.

    Squares of 2 x 2 pixels enter as maps and leave so (Shi et al. 2016, CVPR), so that the layers which take most of
    the time see a quarter of the pixels.

    Parameters
    ----------
    widths : sequence of int
        Feature maps of each level, from the finest to the coarsest.
    scale : float
        Flux density in Jy/arcsec^2 at which the scale bends: the noise of a pixel.
    output_bias : float
        Start value of the logit, that of the mean target.

    Attributes
    ----------
    step : int
        Side in px of the squares that the levels divide images into: what it says of an image moved by a multiple of
        it moves along.
    reach : int
        Pixels beyond which nothing has a part in what it says of a pixel.
    """

    def __init__(
        self, widths: Sequence[int] = (16, 24, 32, 48), scale: float = NOISE, output_bias: float = 0.0
    ) -> None:
        super().__init__()
        self.scale = scale
        self.step = SIDE * 2 ** (len(widths) - 1)
        self.reach = reach_of(len(widths))
        self.down = nn.ModuleList(level(a, b) for a, b in pairwise([SIDE**2, *widths]))
        self.up = nn.ModuleList(level(a + b, b) for a, b in pairwise(widths[::-1]))
        self.final = nn.Conv2d(widths[0], 4 * SIDE**2, 1)
        self.pool, self.enlarge = nn.MaxPool2d(2), nn.Upsample(scale_factor=2, mode="bilinear")
        # it starts with half of each value and no estimate: first steps that only undo random ones are saved
        nn.init.normal_(self.final.weight, std=0.01)
        bias = nn.init.zeros_(self.final.get_parameter("bias"))
        nn.init.constant_(bias.data[3 * SIDE**2 :], output_bias)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The corrected images, and the logits of diffuse emission.

        Parameters
        ----------
        images : Tensor, shape (b, 1, y, x)
            Flux densities in Jy/arcsec^2; 0 where there are no data. Sides that the levels do not divide are filled
            up with 0.

        Returns
        -------
        tuple of Tensor, each of shape (b, 1, y, x)
            ``asinh(flux / scale)`` of the denoised image, and the logits.
        """
        height, width = images.shape[-2:]
        images = F.pad(images, (0, -width % self.step, 0, -height % self.step)) / self.scale
        compressed = torch.asinh(images)
        maps = self.down[0](unshuffle(compressed, SIDE))
        skipped = []
        for one in self.down[1:]:
            skipped.append(maps)
            maps = one(self.pool(maps))
        for one in self.up:
            maps = one(torch.cat([self.enlarge(maps), skipped.pop()], dim=1))
        with torch.autocast(maps.device.type, enabled=False):  # what is compared needs more digits than bfloat16 has
            said = self.final(maps.to(self.final.weight.dtype))
            estimate, share, factor, logits = (shuffle(each, SIDE) for each in said.chunk(4, dim=1))
            # of what is above zero: sidelobes far below it must be corrected whole
            estimate = estimate.clamp(-ESTIMATE_LIMIT, ESTIMATE_LIMIT)
            factor = factor.clamp(-FACTOR_LIMIT, FACTOR_LIMIT)
            weight = torch.rsqrt(1.0 + (images / TRUSTED).clamp(min=0.0).square())
            flux = estimate - torch.sigmoid(share) * compressed
            corrected = compressed + flux * weight + factor * (1.0 - weight)
        return corrected[..., :height, :width], logits[..., :height, :width]


def level(n_in: int, n_out: int) -> nn.Sequential:
    """Two convolutions at one resolution, which begin with outputs as large as their inputs (He et al. 2015, ICCV)."""
    layers: list[nn.Module] = []
    for n_maps in (n_in, n_out):
        convolution = nn.Conv2d(n_maps, n_out, 3, padding=1)
        nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
        nn.init.zeros_(convolution.get_parameter("bias"))
        layers += [convolution, nn.ReLU()]
    return nn.Sequential(*layers)


def reach_of(n_levels: int) -> int:
    """Largest distance in px at which a pixel has a part in the result of a U-Net of two convolutions a level.

    At each scale there are two convolutions of one pixel of it on the way down, and two on the way up after an
    interpolation that reads one pixel of the next scale; the squares that enter as maps add one pixel less
    than their side.
    """
    scales = [SIDE * 2**number for number in range(n_levels)]
    down = sum(2 * scale for scale in scales)
    up = sum(2 * scale + 2 * scale for scale in scales[:-1])
    return down + up + SIDE - 1
