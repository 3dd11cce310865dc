"""The arrays of a training or validation set: as many samples as fit on the device, the rest in main memory."""

from __future__ import annotations

import logging
import math
import zlib
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from cubefocus.errors import CubefocusError

FRACTION_OF_MEMORY = 0.6  # of the free GPU memory; the rest is for the network and its gradients
logger = logging.getLogger(__name__)


class Store:
    """Batches of several arrays that share their first axis.

    Parameters
    ----------
    data : mapping of str to ndarray, each of shape (n, ...)
    keys : sequence of str
        The arrays to keep.
    device : torch.device
    name : str
        For messages: which task and which set.
    room : float, optional
        Bytes on the device; of a GPU `FRACTION_OF_MEMORY` of what is free if not given. Samples that do not fit stay in
        main memory and travel when they are taken.

    Raises
    ------
    CubefocusError
        If an array is missing, if lengths differ, or if there is no sample at all.
    """

    def __init__(self, data: Mapping[str, np.ndarray], keys: Sequence[str], device: torch.device, name: str,
                 room: float | None = None) -> None:  # fmt: skip
        missing = [key for key in keys if key not in data]
        if missing:
            raise CubefocusError(f"{name}: the products have no dataset '{missing[0]}'; cut them out again")
        lengths = {key: len(data[key]) for key in keys}
        if len(set(lengths.values())) > 1:
            raise CubefocusError(f"{name}: datasets differ in length, {lengths}; cut the products out again")
        self.length, self.device = lengths[keys[0]], device
        if not self.length:
            raise CubefocusError(f"{name}: no sample; simulate more cubes or loosen the matching")
        arrays = {key: torch.from_numpy(np.ascontiguousarray(data[key], dtype=np.float32)) for key in keys}
        self.digest = _checksum(arrays)
        size = sum(each.nbytes for each in arrays.values())
        room = _room(device) if room is None else room
        self.n_near = self.length if size <= room else int(self.length * room / size)
        if self.n_near < self.length:
            logger.info("%s: %d of %d samples are on the GPU, the rest in memory", name, self.n_near, self.length)
        self.near = {key: array[: self.n_near].to(device) for key, array in arrays.items()}
        far = {key: array[self.n_near :] for key, array in arrays.items()}
        self.far = {key: array.pin_memory() if device.type == "cuda" else array for key, array in far.items()}

    def __len__(self) -> int:
        return self.length

    def take(self, rows: Tensor) -> dict[str, Tensor]:
        """Samples of the given rows, on the device."""
        if self.n_near == self.length:
            return {key: array[rows] for key, array in self.near.items()}
        here = rows < self.n_near
        there = (rows[~here] - self.n_near).cpu()
        taken = {}
        for key, array in self.near.items():
            taken[key] = array.new_empty((len(rows), *array.shape[1:]))
            taken[key][here] = array[rows[here]]
            taken[key][~here] = self.far[key][there].to(self.device, non_blocking=True)
        return taken


def _room(device: torch.device) -> float:
    """Bytes that a set may take on a device."""
    if device.type != "cuda":
        return math.inf
    free, _ = torch.cuda.mem_get_info(device)
    return FRACTION_OF_MEMORY * free


def _checksum(arrays: Mapping[str, Tensor]) -> int:
    value = 0
    for key, array in sorted(arrays.items()):
        value = zlib.crc32(array.numpy().data, zlib.crc32(key.encode(), value))
    return value
