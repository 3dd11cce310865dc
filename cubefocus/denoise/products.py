"""What networks learn from: tiles of images and of the skies behind them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cubefocus.denoise.folder import read_images
from cubefocus.denoise.scale import LogScale
from cubefocus.denoise.task import LIMITS, OBSERVED, SKY
from cubefocus.denoise.tiles import cut_tiles


def products(observed: Sequence[str], skies: Sequence[str], tile: int) -> dict[str, np.ndarray]:
    """Tiles of images and of the skies behind them, (n, y, x) in Jy/arcsec^2, and the limits of the scale of each.

    Parameters
    ----------
    observed, skies : sequence of str
        Folders of images.
    tile : int
        Side, px.

    Raises
    ------
    CubefocusError
        If an image cannot be read, or is smaller than a tile.
    """
    parts: dict[str, list[np.ndarray]] = {OBSERVED: [], SKY: [], LIMITS: []}
    for (_, image), (_, sky) in zip(read_images(observed), read_images(skies), strict=True):
        tiles = cut_tiles(image, tile)
        parts[OBSERVED].append(tiles)
        parts[SKY].append(cut_tiles(sky, tile))
        parts[LIMITS].append(np.tile(np.array(LogScale.of(image).limits, dtype=np.float32), (len(tiles), 1)))
    return {name: np.concatenate(some) for name, some in parts.items()}
