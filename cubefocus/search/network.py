"""The shipped network as a proposer: how far each voxel stands out of the noise, as an image tells it.

The network sees sums of windows of channels in units of their noise, with the pixels a beam that it was trained on, and
says the logit that a source is seen in each pixel. Less the logit of an image that says nothing it is the logarithm of
a likelihood ratio, which a Gaussian significance s reaches at s^2 / 2: so what links, weighs and fits after it is the
same as for the bank of templates. What it says of the images times -1 stands for what noise and imaging make.

As in the bank, narrow windows come first, and what stands out in them is cut out before wider ones see it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cubefocus.errors import CubefocusError
from cubefocus.learn.bundle import Bundle
from cubefocus.learn.distributed import deterministic
from cubefocus.learn.shipped import FOLDER
from cubefocus.search.bands import bands_of, over_noise, resampled, widths_of
from cubefocus.search.levels import Levels
from cubefocus.search.significance import STANDS_OUT, Significance, check_beam

SHIPPED = FOLDER / "general"
NETWORK = "proposer"  # its name in a bundle, and that of its settings there
PIXELS = 2_000_000  # of all images that the network sees at a time


def network(
    data: np.ndarray, levels: Levels, beam: tuple[float, float, float], device: str, in_parts: bool
) -> NetworkProposer:
    """The shipped network for the parts of a cube; parameters as `cubefocus.search.matched.matched`.

    Each part is in units of its own noise: near its edges a part may differ from the whole in the last digits.

    Raises
    ------
    CubefocusError
        If the image is not larger than the beam, or the shipped network is damaged.
    """
    check_beam(beam, (data.shape[1], data.shape[2]))
    return shipped(device)


def shipped_bundle() -> Bundle:
    """The bundle that comes with the package.

    Raises
    ------
    CubefocusError
        If it is damaged or missing.
    """
    return Bundle.load(SHIPPED)


@lru_cache(maxsize=2)
def shipped(device: str) -> NetworkProposer:
    """The shipped network, ready on a device; read once."""
    return NetworkProposer.of(shipped_bundle(), device)


@dataclass(frozen=True, eq=False)
class NetworkProposer:
    """A trained network and what turns its logits into significances.

    Attributes
    ----------
    model : nn.Module
        A `cubefocus.networks.Proposer`, in evaluation mode.
    nothing : float
        Logit of an image that says nothing, that of the mean target.
    beam : float
        Geometric mean of the beam's FWHM in its pixels.
    scale : float
        Factor on the logarithm of the likelihood ratio, so that noise reaches a height as often as in the bank.
    narrowest : int
        Width of the narrowest windows, channels.
    device : str
    """

    model: nn.Module
    nothing: float
    beam: float
    scale: float
    narrowest: int
    device: str = "cpu"

    @classmethod
    def of(cls, bundle: Bundle, device: str = "cpu") -> NetworkProposer:
        """From a bundle.

        Raises
        ------
        CubefocusError
            If it has no such network, or lacks a setting of it.
        """
        bundle.require([NETWORK])
        weights = bundle.networks[NETWORK]
        settings: Mapping[str, Any] = bundle.detection.get(NETWORK, {})
        try:
            return cls(
                weights.model(device), float(weights.arguments["output_bias"]), float(weights.normalisation["beam"]),
                float(settings["scale"]), int(settings["narrowest"]), device,
            )  # fmt: skip
        except KeyError as error:
            raise CubefocusError(f"{bundle.source}: does not say {error}; make the bundle again") from error

    def __call__(self, data: np.ndarray, levels: Levels, beam: tuple[float, float, float]) -> Significance:
        """What the network says of a cube, or of a part of one.

        Parameters
        ----------
        data : ndarray, shape (channel, y, x)
            NaN where there is none.
        levels : Levels
        beam : (major, minor, angle)
            FWHM in pixels; the angle of the major axis from +y towards -x, deg.

        Raises
        ------
        CubefocusError
            If the image is not larger than the beam.
        """
        check_beam(beam, (data.shape[1], data.shape[2]))
        with torch.inference_mode(), deterministic(torch.device(self.device)):
            return _Search(self, data, levels, math.sqrt(beam[0] * beam[1])).all()

    def says(self, images: Tensor) -> Tensor:
        """Significances of the pixels of images in units of their noise, both of shape (b, y, x)."""
        logits = self.model(images[:, None].contiguous(memory_format=torch.channels_last))[:, 0]
        return (2.0 * self.scale * (logits - self.nothing).clamp(min=0.0)).sqrt()


class _Search:
    """A cube, and the highest that the windows gave so far."""

    def __init__(self, proposer: NetworkProposer, data: np.ndarray, levels: Levels, width: float) -> None:
        held = np.isfinite(data) & np.isfinite(levels.channel)[:, None, None]
        self.proposer, self.factor = proposer, proposer.beam / width
        self.alive = held.any(axis=(1, 2))
        self.held = held
        self.scaled = np.where(held, levels.scaled(data), np.float32(0.0))
        self.positive, self.negative = np.zeros_like(self.scaled), np.zeros_like(self.scaled)
        self.reach = 2 * round(0.5 * width) + 1  # pixels, of a square that reaches half a beam from its middle

    def all(self) -> Significance:
        for width in widths_of(len(self.scaled), self.proposer.narrowest):
            left = self.cut()
            windows = bands_of(len(left), width)
            for window, above, below in self.maps(left, windows):
                channels = slice(*window)
                for total, found in ((self.positive, above), (self.negative, below)):
                    np.maximum(total[channels], found * self.held[channels], out=total[channels])
        return Significance(self.positive, self.negative, self.alive)

    def cut(self) -> np.ndarray:
        """The cube without what stood out so far, and what is within half a beam of it."""
        left = self.scaled.copy()
        for total, lowest, highest in ((self.positive, None, 0.0), (self.negative, 0.0, None)):
            for number in np.flatnonzero((total > STANDS_OUT).any(axis=(1, 2))):
                found = torch.from_numpy((total[number] > STANDS_OUT).astype(np.float32))[None, None]
                near = F.max_pool2d(found, self.reach, stride=1, padding=self.reach // 2)[0, 0].numpy() > 0
                left[number] = np.where(near, np.clip(left[number], lowest, highest), left[number])
        return left

    def maps(
        self, left: np.ndarray, windows: list[tuple[int, int]]
    ) -> Iterator[tuple[tuple[int, int], np.ndarray, np.ndarray]]:
        """What the network says of each window and of the same times -1, on the pixels of the cube."""
        shape = left.shape[1:]
        at_a_time = max(1, int(PIXELS / (2.0 * self.factor**2 * shape[0] * shape[1])))
        for start in range(0, len(windows), at_a_time):
            part = windows[start : start + at_a_time]
            images = self.images(left, part).to(self.proposer.device)
            both = self.proposer.says(torch.cat([images, -images]))
            found = F.interpolate(both[:, None], shape, mode="bilinear", align_corners=False)[:, 0].cpu().numpy()
            for number, window in enumerate(part):
                yield window, found[number], found[len(part) + number]

    def images(self, left: np.ndarray, windows: list[tuple[int, int]]) -> Tensor:
        """Sums of windows of channels in units of their noise, at the network's pixels, shape (b, y, x)."""
        made = []
        for first, end in windows:
            total = torch.from_numpy(left[first:end].sum(axis=0))
            held = torch.from_numpy(self.held[first:end].any(axis=0).astype(np.float32))
            image, there = (resampled(one[None], self.factor)[0].numpy() for one in (total, held))
            made.append(over_noise(image, there > 0.5))
        return torch.from_numpy(np.stack(made))
