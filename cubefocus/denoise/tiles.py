"""Images in tiles: side by side for training; overlapping, with the middle of each kept, to denoise whole images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from cubefocus.errors import CubefocusError


def cut_tiles(image: np.ndarray, tile: int = 128, step: int | None = None) -> np.ndarray:
    """Cut an image into square tiles for training (GV22 section 3.2).

    Parameters
    ----------
    image : ndarray, shape (y, x)
    tile : int
        Side in px.
    step : int, optional
        Pixels from one tile to the next; those of a tile, so that they do not overlap, if not given.

    Returns
    -------
    ndarray, shape (n, tile, tile)
        Row by row. Where the image is no whole number of steps, the last tile of a row or column ends with the image
        and overlaps the one before it.

    Raises
    ------
    CubefocusError
        If the image is smaller than a tile.
    """
    if min(image.shape) < tile:
        raise CubefocusError(f"an image of {image.shape} px has no tile of {tile} px; give smaller tiles")
    rows, columns = (_starts(length, tile, step or tile) for length in image.shape)
    return np.stack([image[y : y + tile, x : x + tile] for y in rows for x in columns])


def _starts(length: int, tile: int, step: int) -> list[int]:
    starts = list(range(0, length - tile + 1, step))
    return starts if starts[-1] + tile == length else [*starts, length - tile]


@dataclass(frozen=True)
class Block:
    """A few tiles side by side, which are denoised together.

    Attributes
    ----------
    y, x : tuple of int
        First and last row (column) + 1 of the image that the kept parts of the tiles cover.
    n_tiles : int
    """

    y: tuple[int, int]
    x: tuple[int, int]
    n_tiles: int


@dataclass(frozen=True)
class Tiling:
    """Overlapping tiles of which the middle is kept (GV22 section 6): half of them, by default.

    The kept parts lie side by side from the first pixel of the image on. Around the image, where tiles reach beyond it,
    it is mirrored at the middle of its outermost pixels, as often as it takes.

    Attributes
    ----------
    tile : int
        Side of a tile in px.
    margin : int
        Pixels at each side that are not kept; a quarter of the tile keeps the central half.

    Raises
    ------
    CubefocusError
        If nothing would be kept.
    """

    tile: int = 128
    margin: int = 32

    def __post_init__(self) -> None:
        if not 0 <= 2 * self.margin < self.tile:
            raise CubefocusError(
                f"tiles of {self.tile} px with a margin of {self.margin} px keep nothing; give a margin from 0 to less "
                "than half of the tile"
            )

    @property
    def keep(self) -> int:
        """Side of the part that is kept, px."""
        return self.tile - 2 * self.margin

    def rows(self, shape: tuple[int, int]) -> list[tuple[int, int]]:
        """First and last row + 1 of the image (y, x) that each row of tiles covers."""
        return [(y, min(y + self.keep, shape[0])) for y in range(0, shape[0], self.keep)]

    def blocks(self, shape: tuple[int, int], at_once: int, rows: Sequence[tuple[int, int]]) -> Iterator[Block]:
        """Blocks of tiles that cover some `rows` of an image.

        They do not depend on who computes them: the same tiles are always together, in the same order.

        Parameters
        ----------
        shape : (y, x)
        at_once : int
            Most tiles of a block.
        rows : sequence of (first, last + 1)
            Of those that `rows` gives.
        """
        n_x, wide = shape[1], self.keep * at_once
        for y in rows:
            for first in range(0, n_x, wide):
                last = min(first + wide, n_x)
                yield Block(y, (first, last), -(-(last - first) // self.keep))

    def wanted(self, block: Block, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """Rows and columns of the image that the tiles of a block show, in order, mirrored beyond its edges."""
        rows = np.arange(self.tile) + block.y[0] - self.margin
        columns = np.arange(self.tile + (block.n_tiles - 1) * self.keep) + block.x[0] - self.margin
        return mirrored(rows, shape[0]), mirrored(columns, shape[1])

    def split(self, strip: np.ndarray) -> np.ndarray:
        """Tiles (n, tile, tile) of the pixels (tile, columns) that `wanted` names."""
        starts = range(0, strip.shape[1] - self.tile + 1, self.keep)
        return np.stack([strip[:, x : x + self.tile] for x in starts])

    def join(self, tiles: np.ndarray, block: Block) -> np.ndarray:
        """The kept parts of the tiles (n, tile, tile) of a block, side by side, cut to the image."""
        inner = slice(self.margin, self.margin + self.keep)
        joined = np.concatenate(list(tiles[:, inner, inner]), axis=1)
        return joined[: block.y[1] - block.y[0], : block.x[1] - block.x[0]]

    def borders(self, length: int) -> np.ndarray:
        """First pixels, along an axis of an image, of all kept parts but the first."""
        return np.arange(self.keep, length, self.keep)


def mirrored(places: np.ndarray, length: int) -> np.ndarray:
    """Places beyond an axis of some pixels, mirrored at the middle of the first and of the last one."""
    if length == 1:
        return np.zeros_like(places)
    folded = places % (2 * length - 2)
    return np.minimum(folded, 2 * length - 2 - folded)
