"""One process or several: where this one computes, and what they exchange."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from cubefocus.errors import CubefocusError
from cubefocus.learn.batch_statistics import share_statistics


@dataclass(frozen=True)
class World:
    """This process among the others.

    Attributes
    ----------
    rank, size : int
        Number of this process and of all.
    device : torch.device
        Where this process computes.
    """

    rank: int
    size: int
    device: torch.device

    def share(self, number: int) -> tuple[Tensor, int]:
        """Places of the samples of a joint batch that this process takes, and how many of them count.

        Every process must take part in each step, as it waits for the gradients of the others. One for which no
        sample is left takes the first one, and none counts.
        """
        places = torch.arange(number)[self.rank :: self.size]
        return (places, len(places)) if len(places) else (torch.zeros(1, dtype=torch.long), 0)

    def total(self, values: Tensor) -> Tensor:
        """Sum over the processes."""
        if self.size > 1:
            dist.all_reduce(values)
        return values

    def any(self, value: bool) -> bool:
        """Whether it holds in any of the processes."""
        return bool(self.total(torch.tensor(int(value), device=self.device))) if self.size > 1 else value

    def wait(self) -> None:
        """Until every process is here."""
        if self.size > 1:
            dist.barrier()

    def wrap(self, model: nn.Module) -> nn.Module:
        """Model whose gradients and batch statistics are those of the joint batch."""
        if self.size == 1:
            return model
        if self.device.type == "cuda":
            return DistributedDataParallel(nn.SyncBatchNorm.convert_sync_batchnorm(model), [self.device.index])
        share_statistics(model)  # what PyTorch has for this works on GPUs only
        return DistributedDataParallel(model)


def pick_device(device: str) -> torch.device:
    """Device by name; ``auto`` is this process's GPU if there is one, else the CPU.

    Raises
    ------
    CubefocusError
        If the name is none of torch's, or a GPU is asked for and there is none.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.device(device)
    except RuntimeError as error:
        raise CubefocusError(f"device is '{device}', which torch does not know; give auto, cpu or cuda") from error
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise CubefocusError(f"device is '{device}', but torch sees no GPU; set it to auto or cpu")
    if device == "cuda":  # the processes of a node take its GPUs in turn
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)) % torch.cuda.device_count())
    return torch.device(device)


def has_bfloat16(device: torch.device) -> bool:
    """Whether a device computes in bfloat16 by itself: a GPU of compute capability 8 and more, or a newer CPU."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device)[0] >= 8
    able = torch.cpu.get_capabilities()
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))


@contextmanager
def processes(device: str = "auto") -> Iterator[World]:
    """Join the processes that ``torchrun`` started; without it, be the only one."""
    where, size = pick_device(device), int(os.environ.get("WORLD_SIZE", 1))
    if size == 1 or "RANK" not in os.environ:
        yield World(0, 1, where)
        return
    if where.type == "cuda":
        torch.cuda.set_device(where)
    dist.init_process_group("nccl" if where.type == "cuda" else "gloo")
    try:
        yield World(dist.get_rank(), dist.get_world_size(), where)
    finally:
        dist.destroy_process_group()


@contextmanager
def deterministic(device: torch.device) -> Iterator[None]:
    """Ask the GPU for algorithms that give the same result twice; the CPU needs no asking."""
    if device.type != "cuda":
        yield
        return
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
