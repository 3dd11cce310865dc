"""Steps 1-2: from integrated images to probability maps to blobs with boxes (MNRAS 4.4 i)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.ndimage import label
from skimage.measure import regionprops

from cubefocus.alma.field import Field
from cubefocus.alma.rows import Blob
from cubefocus.alma.split import SPLITTERS
from cubefocus.cube.cutouts import scale01
from cubefocus.settings import BlobSettings
from cubefocus.stats.noise import median, noise_of

PredictMaps = Callable[[np.ndarray], np.ndarray]

LEAST_RANGE = 20.0
GREATEST_RANGE = 50.0
"""SNR of the brightest pixel that a tile is scaled for at least, the middle of what the networks were trained on, and
SNR beyond which a tile is looked at again: images of the demo's cubes reach 35. On made-up mosaics of 640 x 640 pixels
with sources of SNR 4 to 6 the demo's network finds 163 of 163, and nothing in pure noise (10: one false; 30: 122)."""
DEEPEST = 4.0
"""Depth below the median, in units of the noise, that noise reaches by itself in a tile; what is deeper is artefacts,
as side lobes of the dirty beam, which are as bright as they are deep."""
FOUND_SHARE = 0.2
"""Sources down to this share of the brightest are found beside it, as in training; fainter ones need a further look."""
SKIRT = 3.0
"""In units of the noise: pixels down to here belong to the bright source that they are joined to."""
MOST_LOOKS = 8  # each takes the top down by `FOUND_SHARE`: a source of 10^7 times the noise


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
    Smaller images are padded with no flux. Larger ones are covered by overlapping tiles, whose maps are averaged with
    weights that fall towards a tile's edge.

    The networks know images in [0, 1] whose brightest source has 10 to 30 times the noise. A single tile is scaled to
    its minimum and maximum as in training. Of several tiles each is scaled on its own, by its minimum and the greater
    of its maximum and `LEAST_RANGE` times its noise above its median: a bright source in one of them does not hide
    what another holds, and a tile of pure noise is not blown up to look like sources.

    A tile whose brightest pixel is beyond `GREATEST_RANGE` times the noise, far above what any network saw, is looked
    at again without it: the brightest sources with all that is joined to them are filled with the tile's median, and
    the map is the highest of all looks (`_Look`). Faint sources are then found next to one of any brightness, and that
    one keeps the map that it has on its own.

    The noise is 1.4826 times the median absolute deviation of the tile's pixels with data, and at least a quarter of
    the depth of its lowest pixel, so that side lobes of a bright source in a dirty image are no sources.
    """
    layouts = [_layout(image, image_size, settings) for image in images]
    looks = [look for layout in layouts for look in layout.looks]
    for _ in range(MOST_LOOKS):
        open_looks = [look for look in looks if not look.done]
        if not open_looks:
            break
        scaled = [look.scaled() for look in open_looks]
        for shape in sorted({tile.shape for tile in scaled}):
            members = [index for index, tile in enumerate(scaled) if tile.shape == shape]
            for index, result in zip(members, predict(np.stack([scaled[i] for i in members])), strict=True):
                open_looks[index].take(np.asarray(result), settings.threshold)
    return [layout.merge() for layout in layouts]


class _Look:
    """One tile, and what has been seen in it: a bright source first, then what is left without it."""

    def __init__(self, tile: np.ndarray, alone: bool) -> None:
        """Take a tile (y, x), NaN where there is no data, and whether it covers its image on its own."""
        held = tile[np.isfinite(tile)]
        self.tile = np.nan_to_num(tile)
        self.level = float(median(held)) if held.size else 0.0
        self.mad = noise_of(held, "mad") if held.size else 0.0
        self.alone = alone
        self.done = False
        self.map = np.zeros(tile.shape, dtype=np.float32)
        self.hidden = np.zeros(tile.shape, dtype=bool)

    def _visible(self) -> np.ndarray:
        return np.where(self.hidden, np.float32(self.level), self.tile) if self.hidden.any() else self.tile

    def _noise(self, visible: np.ndarray) -> float:
        return max(self.mad, (self.level - float(visible.min())) / DEEPEST)

    def scaled(self) -> np.ndarray:
        """The tile as the network takes it, in [0, 1]; float32."""
        visible = self._visible()
        if self.alone and not self.hidden.any():
            return scale01(visible[np.newaxis])[0].astype(np.float32)
        low, top = float(visible.min()), self.level + LEAST_RANGE * self._noise(visible)
        high = max(float(visible.max()), top)
        return ((visible - low) / (high - low if high > low else 1.0)).astype(np.float32)

    def take(self, result: np.ndarray, threshold: float) -> None:
        """Note the network's map of what `scaled` gave; hide the brightest if the rest deserves a look of its own."""
        seen = np.where(self.hidden, np.float32(0.0), result) if self.hidden.any() else result
        self.map = np.maximum(self.map, seen) if self.hidden.any() else seen
        visible = self._visible()
        noise, height = self._noise(visible), float(visible.max()) - self.level
        if not height > GREATEST_RANGE * noise or self.mad == 0:
            self.done = True
            return
        # What rules the range goes, found or not: else the next look would be the same.
        parts, _ = label((visible - self.level > SKIRT * noise) | (seen >= threshold), structure=np.ones((3, 3)))
        self.hidden |= np.isin(parts, np.unique(parts[visible - self.level > FOUND_SHARE * height]))


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
        padded = np.pad(image, list(zip(before, after, strict=True)), constant_values=np.nan)
        self.looks = [_Look(padded[y : y + size[0], x : x + size[1]], len(origins) == 1) for y, x in origins]
        self.padded_shape = padded.shape

    def merge(self) -> np.ndarray:
        total, weights = np.zeros(self.padded_shape), np.zeros(self.padded_shape)
        weight = np.outer(_tent(self.size[0]), _tent(self.size[1]))
        for (y, x), look in zip(self.origins, self.looks, strict=True):
            total[y : y + self.size[0], x : x + self.size[1]] += weight * look.map
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


def search(
    fields: Sequence[Field], predict: PredictMaps, image_size: int | None, settings: BlobSettings
) -> list[tuple[np.ndarray, tuple[Blob, ...]]]:
    """Probability map, shape (y, x), and table of blobs of each field; parameters are those of `probability_maps`."""
    maps = probability_maps([field.integrated for field in fields], predict, image_size, settings)
    found = []
    for field, probability in zip(fields, maps, strict=True):
        # Where there is no data a network may still see something; nothing could be measured there.
        held = np.where(np.isnan(field.integrated), 0.0, probability).astype(np.float32)
        found.append((held, find_blobs(held, settings)))
    return found


def find_blobs(probability: np.ndarray, settings: BlobSettings) -> tuple[Blob, ...]:
    """Threshold a probability map, tell touching blobs apart if the settings say so, and box each.

    Parameters
    ----------
    probability : ndarray, shape (y, x)
    settings : BlobSettings

    Returns
    -------
    tuple of Blob
        With box, highest probability, and centre weighted by the probability over the blob's own pixels: the map is
        free of noise and of the dirty beam's negative bowls, which would pull a centre weighted by dirty flux.
    """
    labels = SPLITTERS[settings.split](probability >= settings.threshold, probability, settings)
    blobs: list[Blob] = []
    for region in regionprops(labels, intensity_image=probability):
        if region.num_pixels < settings.min_pixels:
            continue
        y0, x0, y1, x1 = region.bbox
        y, x = region.centroid_weighted
        blobs.append(Blob(len(blobs), (x0, y0, x1, y1), float(region.intensity_max), (float(x), float(y))))
    return tuple(blobs)
