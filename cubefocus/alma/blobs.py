"""Steps 1-2: from integrated images to probability maps to blobs with boxes (MNRAS 4.4 i)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from skimage.measure import regionprops

from cubefocus.alma.candidate import Candidate
from cubefocus.alma.split import SPLITTERS
from cubefocus.cube.cutouts import scale01
from cubefocus.settings import BlobSettings

PredictMaps = Callable[[np.ndarray], np.ndarray]


def probability_maps(
    images: Sequence[np.ndarray], predict: PredictMaps, image_size: int | None, settings: BlobSettings
) -> list[np.ndarray]:
    """Map the probability of a source in each pixel, for a batch of integrated images of any size.

    Parameters
    ----------
    images : sequence of ndarray, shape (y, x)
        Integrated dirty images, NaN where there is no data (it counts as no flux).
    predict : callable
        Takes (n, size, size) images in [0, 1], gives maps of the same shape.
    image_size : int or None
        Side of the images that ``predict`` takes; None if it takes any.
    settings : BlobSettings

    Returns
    -------
    list of ndarray, shape (y, x)
        Each of the size of its image; 0 in pixels that no tile covers.

    Notes
    -----
    Smaller images are padded with no flux. Larger ones are covered by overlapping tiles, all scaled to [0, 1] together,
    so that one threshold means the same in each, and averaged with weights that fall towards a tile's edge.
    """
    layouts = [_layout(image, image_size, settings) for image in images]
    tiles = [tile for layout in layouts for tile in layout.tiles]
    maps: list[np.ndarray] = [np.empty(0)] * len(tiles)
    for shape in sorted({tile.shape for tile in tiles}):
        members = [index for index, tile in enumerate(tiles) if tile.shape == shape]
        for index, result in zip(members, predict(np.stack([tiles[i] for i in members])), strict=True):
            maps[index] = result
    merged, start = [], 0
    for layout in layouts:
        merged.append(layout.merge(maps[start : start + len(layout.tiles)]))
        start += len(layout.tiles)
    return merged


class _Layout:
    """Tiles of one image: where they start (in the padded image), and how their maps are put together."""

    def __init__(self, image: np.ndarray, size: tuple[int, int], origins: list[tuple[int, int]]) -> None:
        self.shape = image.shape
        self.size = size
        # Padding goes to both sides, so that a small field stays in the middle, where the network saw most sources.
        before = [max(side - extent, 0) // 2 for side, extent in zip(size, image.shape, strict=True)]
        after = [max(side - extent, 0) - b for side, extent, b in zip(size, image.shape, before, strict=True)]
        self.offset = before
        self.origins = origins
        padded = np.pad(np.nan_to_num(image), list(zip(before, after, strict=True)))
        stack = np.stack([padded[y : y + size[0], x : x + size[1]] for y, x in origins])
        self.tiles = list(scale01(stack.reshape(1, -1, size[1])).reshape(stack.shape).astype(np.float32))
        self.padded_shape = padded.shape

    def merge(self, maps: Sequence[np.ndarray]) -> np.ndarray:
        total, weights = np.zeros(self.padded_shape), np.zeros(self.padded_shape)
        weight = np.outer(_tent(self.size[0]), _tent(self.size[1]))
        for (y, x), values in zip(self.origins, maps, strict=True):
            total[y : y + self.size[0], x : x + self.size[1]] += weight * values
            weights[y : y + self.size[0], x : x + self.size[1]] += weight
        result = np.divide(total, weights, out=total, where=weights > 0)
        y0, x0 = self.offset
        return result[y0 : y0 + self.shape[0], x0 : x0 + self.shape[1]].astype(np.float32)


def _tent(size: int) -> np.ndarray:
    index = np.arange(size)
    return np.minimum(index + 1, size - index).astype(float)


def _layout(image: np.ndarray, image_size: int | None, settings: BlobSettings) -> _Layout:
    if image_size is None:
        return _Layout(image, (image.shape[0], image.shape[1]), [(0, 0)])
    valid = np.isfinite(image)
    axes = []
    for axis in (0, 1):
        held = np.flatnonzero(valid.any(axis=1 - axis))
        axes.append(tile_origins(int(held[0]), int(held[-1]) + 1, image.shape[axis], image_size, settings))
    return _Layout(image, (image_size, image_size), [(y, x) for y in axes[0] for x in axes[1]])


def tile_origins(first: int, last: int, extent: int, size: int, settings: BlobSettings) -> list[int]:
    """Starts of the tiles along one axis, evenly spaced.

    Parameters
    ----------
    first, last : int
        Half-open range of pixels that hold data.
    extent : int
        Number of pixels along the axis.
    size : int
        Side of a tile.
    settings : BlobSettings
        ``field`` and ``overlap``.

    Returns
    -------
    list of int
        One tile in the middle where that covers the data, as in training, or where ``field`` asks for it.
    """
    middle = max(extent - size, 0) // 2
    if settings.field == "centre" or extent <= size or (middle <= first and last <= middle + size):
        return [middle]
    if last - first <= size:
        return [min(max((first + last - size) // 2, 0), extent - size)]
    step = max(int(size * (1 - settings.overlap)), 1)
    count = -(-(last - first - size) // step) + 1
    return [round(start) for start in np.linspace(first, last - size, count)]


def find_blobs(probability: np.ndarray, settings: BlobSettings) -> list[Candidate]:
    """Threshold a probability map, tell touching blobs apart if the settings say so, and box each.

    Parameters
    ----------
    probability : ndarray, shape (y, x)
    settings : BlobSettings

    Returns
    -------
    list of Candidate
        With box, highest probability, and centre weighted by the probability over the blob's own pixels: the map is
        free of noise and of the dirty beam's negative bowls, which would pull a centre weighted by dirty flux.
    """
    labels = SPLITTERS[settings.split](probability >= settings.threshold, probability, settings)
    candidates = []
    for region in regionprops(labels, intensity_image=probability):
        if region.num_pixels < settings.min_pixels:
            continue
        y0, x0, y1, x1 = region.bbox
        y, x = region.centroid_weighted
        candidates.append(Candidate((x0, y0, x1, y1), float(region.intensity_max), (float(x), float(y))))
    return candidates
