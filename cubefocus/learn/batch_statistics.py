"""Batch normalisation over the joint batch of several processes on CPUs; `torch.nn.SyncBatchNorm` is for GPUs only."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce


class SharedBatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation with the mean and the variance of all processes' samples together.

    Notes
    -----
    Sums travel forwards, and their gradients backwards. Every pixel of every map counts the same, so that shares of
    different size need no weights.
    """

    def forward(self, maps: Tensor) -> Tensor:
        """(b, map, y, x) -> the same shape and type; the sums are in that of the weights."""
        if not self.training:
            return super().forward(maps)
        given, maps = maps.dtype, maps.to(self.weight.dtype)
        number = all_reduce(maps.new_tensor(float(maps[:, 0].numel())))
        centred = maps - (all_reduce(maps.sum(dim=(0, 2, 3))) / number)[:, None, None]
        # in two passes, as the difference of the mean square and the squared mean is lost in rounding
        variance = all_reduce(centred.square().sum(dim=(0, 2, 3))) / number
        self._remember((maps - centred).detach()[0, :, 0, 0], variance.detach() * number / (number - 1))
        scale = self.weight / torch.sqrt(variance + self.eps)
        return (centred * scale[:, None, None] + self.bias[:, None, None]).to(given)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        """Move the running statistics, as the base class does."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance, self.momentum)


def share_statistics(model: nn.Module) -> None:
    """Give a model's batch normalisations the statistics of the joint batch, in place."""
    for module in model.modules():
        if type(module) is nn.BatchNorm2d:
            module.__class__ = SharedBatchNorm2d  # same parameters, same buffers: checkpoints do not differ
