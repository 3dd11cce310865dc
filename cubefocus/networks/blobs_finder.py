"""Blobs Finder: the convolutional autoencoder that turns a dirty image into a map of sources (MNRAS 4.1)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cubefocus.errors import CubefocusError

VARIANTS = ("mnras", "ecml", "decoras")


def _activate(n_maps: int) -> list[nn.Module]:
    return [nn.LeakyReLU(), nn.BatchNorm2d(n_maps)]


def _encoder_block(n_in: int, n_out: int, variant: str) -> nn.Sequential:
    """Halve the image; the MNRAS block refines with a second convolution."""
    layers = [nn.Conv2d(n_in, n_out, 3, stride=2, padding=1), *_activate(n_out)]
    if variant == "mnras":
        layers += [nn.Conv2d(n_out, n_out, 3, padding=1), *_activate(n_out)]
    return nn.Sequential(*layers)


def _convolve(maps: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Convolve maps (b, n_in, y, x) with odd kernels (n_out, n_in, k, k), keeping their size.

    One map to one, as the last layers have it at full resolution, is a sum of shifted maps: a quarter of the time that
    a convolution of PyTorch takes for it on a CPU. It is in float32 also where the network computes in bfloat16, whose
    three digits are too few for the map that is compared with the sky.
    """
    size = weight.shape[-1]
    if weight.shape[:2] != (1, 1):
        return F.conv2d(maps, weight, bias, padding=size // 2)
    n_y, n_x = maps.shape[-2:]
    padded = F.pad(maps.to(weight.dtype), [size // 2] * 4)
    total = weight.new_zeros(1) if bias is None else bias
    for place, factor in enumerate(weight.flatten()):
        i, j = divmod(place, size)
        total = torch.addcmul(total, padded[..., i : i + n_y, j : j + n_x], factor)
    return total


class _Convolution(nn.Conv2d):
    """Convolution that keeps the size."""

    def forward(self, maps: Tensor) -> Tensor:
        return _convolve(maps, self.weight, self.bias)


class AdditiveUpsampling(nn.Module):
    """Double the image by interpolation and by a transposed convolution side by side, and mix (figure 4 of MNRAS).

    The stride of the two convolutions that mix is 1, the only one that gives the sizes of MNRAS Table 3. The first one
    reads both branches concatenated; here it is applied to each with its part of the weights, and the results added,
    because the gradient of a concatenation is laid out such that batch normalisation takes several times longer.
    """

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.interpolated = nn.Sequential(nn.Upsample(scale_factor=2, mode="bilinear"), *_activate(n_in))
        self.learned = nn.Sequential(
            nn.ConvTranspose2d(n_in, n_out, 3, stride=2, padding=1, output_padding=1), *_activate(n_out)
        )
        self.mix = nn.Sequential(nn.Conv2d(n_in + n_out, n_out, 3, padding=1), *_activate(n_out))
        self.refine = _Convolution(n_out, n_out, 3, padding=1)

    def forward(self, maps: Tensor) -> Tensor:
        """(b, n_in, y, x) -> (b, n_out, 2 y, 2 x)."""
        weight, bias = self.mix.get_parameter("0.weight"), self.mix.get_parameter("0.bias")
        one, other = weight.split([maps.shape[1], len(weight)], dim=1)
        mixed = _convolve(self.interpolated(maps), one, bias) + _convolve(self.learned(maps), other)
        return self.refine(self.mix[1:](mixed))


def _decoder_block(n_in: int, n_out: int, variant: str) -> nn.Module:
    if variant == "mnras":
        return AdditiveUpsampling(n_in, n_out)
    if variant == "decoras":
        doubling = nn.ConvTranspose2d(n_in, n_out, 3, stride=2, padding=1, output_padding=1)
        return nn.Sequential(doubling, *_activate(n_out))
    return nn.Sequential(
        nn.Upsample(scale_factor=2, mode="bilinear"),
        nn.ConvTranspose2d(n_in, n_out, 3, padding=1),
        *_activate(n_out),
    )


class BlobsFinder(nn.Module):
    """Deconvolving autoencoder, 33.7 million parameters at its default size (MNRAS Table 3).

    Parameters
    ----------
    image_size : int
        Side of the square image in px, a multiple of 16.
    widths : sequence of int
        Feature maps after each encoder block; the decoder mirrors them.
    latent : int
        Length of the code between the two fully connected layers.
    variant : {"mnras", "ecml", "decoras"}
        ``ecml``: one convolution a block, up-sampling without the concatenated branches. ``decoras``: one convolution
        a block, up-sampling by transposed convolutions only (MNRAS 5.1, after Rezaei et al. 2022, MNRAS 510, 5891).
    output_bias : float
        Start value of the bias before the sigmoid: the logit of the mean target, for an almost empty sky.

    Raises
    ------
    CubefocusError
        If the image size does not survive the halvings or the variant is unknown.
    """

    def __init__(
        self,
        image_size: int = 256,
        widths: Sequence[int] = (8, 16, 32, 64),
        latent: int = 1024,
        variant: str = "mnras",
        output_bias: float = 0.0,
    ) -> None:
        super().__init__()
        if variant not in VARIANTS:
            raise CubefocusError(f"models.blobs_finder.variant is '{variant}'; give one of {', '.join(VARIANTS)}")
        halvings = 2 ** len(widths)
        if image_size < halvings or image_size % halvings:
            raise CubefocusError(f"models.image_size is {image_size}; Blobs Finder needs a multiple of {halvings}")
        self.image_size = image_size
        side = image_size // halvings
        steps = [1, *widths]
        self.encoder = nn.Sequential(*(_encoder_block(a, b, variant) for a, b in pairwise(steps)))
        self.compress = nn.Linear(widths[-1] * side * side, latent)
        self.expand = nn.Linear(latent, widths[-1] * side * side)
        self.decoder = nn.Sequential(*(_decoder_block(a, b, variant) for a, b in pairwise(steps[::-1])))
        self.final = _Convolution(1, 1, 1)
        self._initialise_code(side * side)
        self._initialise_output(output_bias)

    @property
    def dense(self) -> list[nn.Parameter]:
        """Parameters of the two fully connected layers, which learn at a rate of their own."""
        return [*self.compress.parameters(), *self.expand.parameters()]

    def _initialise_code(self, n_places: int) -> None:
        """Let the code start as a few orthogonal mixtures of the features at each place, as a convolution would.

        PyTorch's start mixes all places, and a short training then finds the central source only.
        """
        latent, n_features = self.compress.weight.shape
        n_maps = n_features // n_places
        n_kept = min(latent // n_places, n_maps)
        if n_kept:
            weights = torch.kron(nn.init.orthogonal_(torch.empty(n_kept, n_maps)), torch.eye(n_places))
            gain = (n_maps / n_kept) ** 0.5  # gives back the variance of the mixtures left out
            with torch.no_grad():
                self.compress.weight[: len(weights)] = weights
                self.expand.weight.zero_()[:, : len(weights)] = gain * weights.T
                self.compress.bias.zero_()
                self.expand.bias.zero_()

    def _initialise_output(self, bias: float) -> None:
        """Let the last layers pass on what reaches them.

        They have one map and a handful of weights: PyTorch's start, small and of random sign, takes Adam thousands
        of steps to undo.
        """
        nn.init.ones_(self.final.weight)
        nn.init.constant_(self.final.get_parameter("bias"), bias)
        last = self.decoder[-1]
        if isinstance(last, AdditiveUpsampling):
            nn.init.dirac_(last.refine.weight)
            nn.init.zeros_(last.refine.get_parameter("bias"))

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
        features = self.encoder(images)
        code = self.compress(features.flatten(1))
        return torch.sigmoid(self.final(self.decoder(self.expand(code).view(features.shape))))
