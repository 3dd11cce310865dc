"""The convolutional denoising autoencoder of Gheller & Vazza 2022 (MNRAS 509, 990), GV22 below."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from cubefocus.errors import CubefocusError


class Autoencoder(nn.Module):
    """Autoencoder of tiles of one size, 26.35 million parameters at its default size (GV22 section 2, Table A1).

    Each level of the encoder is a convolution, ReLU and max pooling of 2 x 2 pixels (Eq. 5 and 6). A dense layer joins
    all of the coarsest maps to a code, and the decoder mirrors the encoder: each of its levels is a convolution, ReLU
    and un-pooling, which repeats each pixel 2 x 2 times, as ``UpSampling2D`` of Keras, which the paper used, does: the
    positions of the maxima that other un-poolings put values back to do not pass through the dense layer. A last
    convolution makes one map of those at full resolution.

    The output is linear. The values it is compared with are in [0, 1], and most of them, the empty sky, are exactly 0,
    which a sigmoid only reaches with infinite weights and where its gradient vanishes, as it does at the peaks, near
    1. The sky may be brighter than the brightest pixel of an image that the beam has blurred, too, and the image gives
    the scale: such a value is above 1, and a sigmoid would dim it.

    Parameters
    ----------
    tile : int
        Side of the square tiles in px, a multiple of 2 for each level.
    maps : sequence of int
        Feature maps of each level, from the finest to the coarsest: GV22 has (32, 64), (32, 64, 64) and
        (32, 64, 64, 128).
    neurons : int
        Length of the code; GV22 has 50 to 400, of which 200 for noisy images and 400 for those without noise.
    kernel : int
        Side of the convolutions in px, odd; GV22 has 3 and 5.
    output_bias : float
        Start value of the bias of the output: the mean target.

    Raises
    ------
    CubefocusError
        If the tile does not survive the halvings, or the kernel has no middle.
    """

    def __init__(
        self,
        tile: int = 128,
        maps: Sequence[int] = (32, 64),
        neurons: int = 200,
        kernel: int = 3,
        output_bias: float = 0.0,
    ) -> None:
        super().__init__()
        halvings = 2 ** len(maps)
        if not maps or tile < halvings or tile % halvings:
            raise CubefocusError(
                f"the tile of the autoencoder is {tile} px and its levels are {len(maps)}; give a multiple of 2 for "
                f"each level, here of {halvings}"
            )
        if kernel < 1 or kernel % 2 == 0:
            raise CubefocusError(f"the kernel of the autoencoder is {kernel}; give an odd number of px, such as 3 or 5")
        self.tile, self.coarsest = tile, (maps[-1], tile // halvings, tile // halvings)
        n_features = maps[-1] * (tile // halvings) ** 2
        self.encoder = nn.Sequential(*(self._level(a, b, kernel, nn.MaxPool2d(2)) for a, b in pairwise([1, *maps])))
        self.compress = nn.Linear(n_features, neurons)
        self.expand = nn.Linear(neurons, n_features)
        upwards = pairwise([maps[-1], *maps[::-1]])
        self.decoder = nn.Sequential(*(self._level(a, b, kernel, nn.Upsample(scale_factor=2)) for a, b in upwards))
        self.final = nn.Conv2d(maps[0], 1, kernel, padding=kernel // 2)
        for module in self.modules():  # as Keras begins; torch's own, smaller start takes the code thousands of steps
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.get_parameter("bias"))
        nn.init.constant_(self.final.get_parameter("bias"), output_bias)

    @staticmethod
    def _level(n_in: int, n_out: int, kernel: int, resize: nn.Module) -> nn.Sequential:
        return nn.Sequential(nn.Conv2d(n_in, n_out, kernel, padding=kernel // 2), nn.ReLU(), resize)

    def forward(self, images: Tensor) -> Tensor:
        """Denoised tiles.

        Parameters
        ----------
        images : Tensor, shape (b, 1, tile, tile)
            Logarithms scaled to [0, 1] with the image that the tiles are of.

        Returns
        -------
        Tensor, shape (b, 1, tile, tile)
            In the same scale, not limited to [0, 1].

        Raises
        ------
        CubefocusError
            If the tiles are of another size.
        """
        if images.shape[-2:] != (self.tile, self.tile):
            raise CubefocusError(
                f"the autoencoder takes tiles of {self.tile} x {self.tile} px, not {tuple(images.shape[-2:])}; cut "
                "them so, or train it on others"
            )
        code = self.compress(self.encoder(images).contiguous().flatten(1))
        maps = torch.relu(self.expand(code)).view(-1, *self.coarsest)
        maps = self.decoder(maps)
        with torch.autocast(maps.device.type, enabled=False):  # bfloat16 has three digits, too few for what is compared
            return self.final(maps.to(self.final.weight.dtype))
