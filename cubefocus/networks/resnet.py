"""ResNet: from the focused image of a source to one of its parameters (MNRAS 4.3)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn


def _convolve(n_in: int, n_out: int, stride: int) -> list[nn.Module]:
    return [nn.Conv2d(n_in, n_out, 3, stride=stride, padding=1), nn.ReLU(), nn.BatchNorm2d(n_out)]


class ResidualBlock(nn.Module):
    """Two convolutions and a way around them, added before the last ReLU (figure 7 of MNRAS).

    With stride 2 or another number of maps the way around goes through a convolution of its own.
    """

    def __init__(self, n_in: int, n_out: int, stride: int = 1) -> None:
        super().__init__()
        self.through = nn.Sequential(*_convolve(n_in, n_out, stride), *_convolve(n_out, n_out, 1))
        same = stride == 1 and n_in == n_out
        self.around = nn.Identity() if same else nn.Sequential(*_convolve(n_in, n_out, stride))
        self.activate = nn.ReLU()

    def forward(self, maps: Tensor) -> Tensor:
        """(b, n_in, y, x) -> (b, n_out, y / stride, x / stride)."""
        return self.activate(self.through(maps) + self.around(maps))


class ResNet(nn.Module):
    """Residual network that regresses parameters of one source from a 64 x 64 image (figure 8 of MNRAS).

    Parameters
    ----------
    n_outputs : int
        Numbers to regress: 1, or 2 for an angle regressed as a vector.
    widths : sequence of int
        Feature maps of the four stages. The default is the paper's; narrower stages train in minutes on a
        laptop.

    Notes
    -----
    The stem halves the image once and stages two to four halve it again, so that a 64 x 64 image ends as
    (512, 4, 4) as in the paper. Any size from 16 px on is accepted, because the maximum over the last maps
    leaves one vector whatever their size.
    """

    def __init__(self, n_outputs: int = 1, widths: Sequence[int] = (64, 128, 256, 512)) -> None:
        super().__init__()
        first, last = widths[0], widths[-1]
        self.stem = nn.Sequential(nn.Conv2d(1, first, 7, padding=3), nn.MaxPool2d(2), nn.BatchNorm2d(first), nn.ReLU())
        stages = [ResidualBlock(first, first), ResidualBlock(first, first)]
        for before, after in pairwise(widths):
            stages += [ResidualBlock(before, after, stride=2), ResidualBlock(after, after)]
        self.stages = nn.Sequential(*stages)
        self.head = nn.Sequential(nn.Linear(last, last // 2), nn.ReLU(), nn.Linear(last // 2, n_outputs))

    def forward(self, images: Tensor) -> Tensor:
        """Regress the parameters.

        Parameters
        ----------
        images : Tensor, shape (b, 1, 64, 64)

        Returns
        -------
        Tensor, shape (b, n_outputs)
            In the normalised units of training.
        """
        # amax instead of an adaptive pooling layer: the same maximum, with a deterministic gradient on a GPU
        return self.head(self.stages(self.stem(images)).amax(dim=(2, 3)))
