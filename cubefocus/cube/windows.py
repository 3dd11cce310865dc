"""The values of a cube on disk, served in parts: what is read is as large as the part that was asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

AT_A_TIME = 64_000_000  # bytes of the file that are mapped: pages that were read count as this program's until then


@dataclass(frozen=True)
class Stored:
    """Values as they lie in a FITS file.

    Attributes
    ----------
    path : Path
    offset : int
        Of the first byte.
    dtype : str
        Of numpy, big-endian.
    shape : tuple of int
        Slowest axis first.
    scale, zero : float
        BSCALE and BZERO.
    blank : int or None
        BLANK of integers.
    """

    path: Path
    offset: int
    dtype: str
    shape: tuple[int, ...]
    scale: float = 1.0
    zero: float = 0.0
    blank: int | None = None

    def mapped(self) -> np.ndarray:
        """The values on disk, not yet scaled."""
        return np.memmap(self.path, dtype=self.dtype, mode="r", offset=self.offset, shape=self.shape)

    def values(self, part: np.ndarray, out: np.ndarray, factor: float) -> None:
        """Physical values of a part of what is mapped, as float32 in native order; NaN for blanks and infinities."""
        blank = None if self.blank is None or part.dtype.kind == "f" else part == self.blank
        with np.errstate(over="ignore", invalid="ignore"):  # what float32 cannot hold is infinite
            if self.scale != 1.0 or self.zero != 0.0:
                np.copyto(out, part.astype(np.float64) * self.scale + self.zero, casting="same_kind")
            else:
                np.copyto(out, part, casting="unsafe")
            if factor != 1.0:
                np.multiply(out, np.float32(factor), out=out)
            # Most parts hold no infinity, which a sum tells faster than a look at each.
            if not np.isfinite(out.sum(dtype=np.float64)):
                out[np.isinf(out)] = np.nan
        if blank is not None:
            out[blank] = np.nan


@dataclass(frozen=True, eq=False)
class Windows:
    """A cube on disk in the place of an array (channel, y, x) of float32.

    Indexed with whole numbers and slices it reads that part, and only that. What would need all of it at once is
    refused.

    Attributes
    ----------
    stored : Stored
    order : tuple of int
        Axis of the file (from 0, slowest first) of channel, y and x; or of y and x for an image.
    factor : float
        Of the unit.
    """

    stored: Stored
    order: tuple[int, ...]
    factor: float = 1.0

    dtype = np.dtype(np.float32)
    ndim = 3

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channel, y, x)."""
        sizes = tuple(self.stored.shape[axis] for axis in self.order)
        n_channels, n_y, n_x = sizes if len(sizes) == 3 else (1, *sizes)
        return n_channels, n_y, n_x

    @property
    def size(self) -> int:
        """Number of voxels."""
        return int(np.prod(self.shape))

    @property
    def nbytes(self) -> int:
        """Of all values as float32."""
        return self.size * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __mul__(self, factor: Any) -> Windows:
        """The same in another unit."""
        return replace(self, factor=self.factor * float(factor))

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[channel] for channel in range(len(self)))

    def __array__(self, *_: Any, **__: Any) -> np.ndarray:
        raise TypeError(f"{self.stored.path}: the cube is read in parts, and cannot be an array as a whole")

    def __getitem__(self, key: Any) -> np.ndarray:
        keys = key if isinstance(key, tuple) else (key,)
        if not all(isinstance(one, int | np.integer | slice) or one is Ellipsis for one in keys):
            raise TypeError(f"{self.stored.path}: the cube is read in parts; index it with whole numbers and slices")
        shape = _shape_of(self.shape, keys)
        out = np.empty(shape, dtype=np.float32)
        if out.ndim == 0 or not out.size:
            part = self._view(self.stored.mapped())[keys]
            self.stored.values(part, out, self.factor)
            return out[()] if out.ndim == 0 else out
        # The pages of a mapping stay in memory as long as it is there: a new one for each bit.
        step = max(1, len(out) * AT_A_TIME // (out.nbytes * max(1, self._spread(shape))))
        for start in range(0, len(out), step):
            part = self._view(self.stored.mapped())[keys]
            self.stored.values(part[start : start + step], out[start : start + step], self.factor)
            del part
        return out

    def _view(self, mapped: np.ndarray) -> np.ndarray:
        """What is mapped as (channel, y, x), without a copy."""
        rest = [axis for axis in range(mapped.ndim) if axis not in self.order]  # of one pixel
        view = mapped.transpose(rest + list(self.order))[(0,) * len(rest)]
        return view if view.ndim == 3 else view[None]

    def _spread(self, shape: Sequence[int]) -> int:
        """Bytes that are mapped for each that is asked for: whole pages, which hold more than a short row."""
        return max(1, 4096 // (4 * shape[-1]))


def _shape_of(shape: tuple[int, int, int], keys: tuple[Any, ...]) -> tuple[int, ...]:
    """Shape of what these keys choose, without any values."""
    return np.broadcast_to(np.empty((), dtype=np.int8), shape)[keys].shape
