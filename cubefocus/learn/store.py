"""The arrays of a training or validation set, on the device when they fit."""

from __future__ import annotations

import logging
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

    Raises
    ------
    CubefocusError
        If an array is missing, if lengths differ, or if there is no sample at all.
    """

    def __init__(self, data: Mapping[str, np.ndarray], keys: Sequence[str], device: torch.device, name: str) -> None:
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
        self.arrays = {key: self._place(array, arrays) for key, array in arrays.items()}

    def _place(self, array: Tensor, arrays: Mapping[str, Tensor]) -> Tensor:
        if self.device.type != "cuda":
            return array
        size = sum(each.nbytes for each in arrays.values())
        free, _ = torch.cuda.mem_get_info(self.device)
        if size < FRACTION_OF_MEMORY * free:
            return array.to(self.device)
        logger.info("%.1f GB of data stay in main memory: %.1f GB are free on the GPU", size / 1e9, free / 1e9)
        return array

    def __len__(self) -> int:
        return self.length

    def take(self, rows: Tensor) -> dict[str, Tensor]:
        """Samples of the given rows, on the device."""
        return {key: self._rows(array, rows) for key, array in self.arrays.items()}

    def _rows(self, array: Tensor, rows: Tensor) -> Tensor:
        if array.device.type == self.device.type:
            return array[rows]
        return array[rows.to(array.device)].pin_memory().to(self.device, non_blocking=True)


def _checksum(arrays: Mapping[str, Tensor]) -> int:
    value = 0
    for key, array in sorted(arrays.items()):
        value = zlib.crc32(array.numpy().data, zlib.crc32(key.encode(), value))
    return value
