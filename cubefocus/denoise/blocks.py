"""The blocks of an image, denoised by threads: where pixels come from and go to is left to the caller."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from typing import Protocol

import numpy as np

from cubefocus.denoise.network import Denoiser, one_thread
from cubefocus.denoise.scale import LogScale
from cubefocus.denoise.tiles import Block, Tiling
from cubefocus.errors import CubefocusError

Keep = Callable[[str, Block, np.ndarray], None]


class Source(Protocol):
    """Where the pixels come from."""

    @property
    def shape(self) -> tuple[int, int]:
        """(y, x)."""

    def take(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Pixels of some rows and columns, shape (rows, columns), Jy/arcsec^2."""


@dataclass(frozen=True, eq=False)
class InMemory:
    """An image in memory as a source."""

    image: np.ndarray

    @property
    def shape(self) -> tuple[int, int]:
        """(y, x)."""
        return self.image.shape[0], self.image.shape[1]

    def take(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """As `Source.take`."""
        return self.image[np.ix_(rows, columns)]


def denoise_blocks(
    denoiser: Denoiser, source: Source, tiling: Tiling, blocks: Iterable[Block], scale: LogScale, keep: Keep
) -> None:
    """Denoise blocks of an image, as many at a time as torch has threads.

    Parameters
    ----------
    denoiser : Denoiser
    source : Source
    tiling : Tiling
    blocks : iterable of Block
        Of the tiling; taken one by one.
    scale : LogScale
        Of the whole image.
    keep : callable
        Gets the name of a product, the block, and the values of its pixels; called by several threads.

    Raises
    ------
    CubefocusError
        If the network cannot take such tiles.
    """
    left, lock = iter(blocks), Lock()

    def work() -> None:
        while True:
            with lock:
                block = next(left, None)
            if block is None:
                return
            rows, columns = tiling.wanted(block, source.shape)
            said = denoiser.says(tiling.split(source.take(rows, columns)), scale)
            for name, tiles in said.items():
                keep(name, block, tiling.join(tiles, block))

    with one_thread() as n_threads:
        n_workers = n_threads if denoiser.device.type == "cpu" else 1
        with ThreadPoolExecutor(n_workers) as pool:
            running = [pool.submit(work) for _ in range(n_workers)]
            try:
                for one in running:
                    one.result()
            finally:  # of what is left nothing more is begun after an error or Ctrl-C
                with lock:
                    left = iter(())


def denoise_array(
    denoiser: Denoiser, image: np.ndarray, tiling: Tiling | None = None, batch: int | None = None
) -> dict[str, np.ndarray]:
    """Denoise an image in memory.

    Parameters
    ----------
    denoiser : Denoiser
    image : ndarray, shape (y, x)
        Jy/arcsec^2; NaN where there are no data.
    tiling : Tiling, optional
        That of the network if not given.
    batch : int, optional
        Tiles that are cut out together; as many as the network sees at a time if not given. It changes no bit of the
        result.

    Returns
    -------
    dict of ndarray of float32, shape (y, x)
        As `Denoiser.says`.

    Raises
    ------
    CubefocusError
        If the image is none, or the network cannot take such tiles.
    """
    if image.ndim != 2 or not image.size:
        raise CubefocusError(f"an image has the shape (y, x), not {image.shape}; give one that has pixels")
    shape = (image.shape[0], image.shape[1])
    tiling = tiling or denoiser.tiling
    made = {name: np.empty(shape, dtype=np.float32) for name in denoiser.task.products}

    def keep(name: str, block: Block, values: np.ndarray) -> None:
        made[name][slice(*block.y), slice(*block.x)] = values

    blocks = tiling.blocks(shape, batch or denoiser.group(tiling.tile), tiling.rows(shape))
    denoise_blocks(denoiser, InMemory(image), tiling, blocks, LogScale.of(image), keep)
    return made
