"""The oracle: what an extraction finds on a perfect map, the bound of every method that ends with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from astropy.table import Table

from cubefocus.alma.blobs import find_blobs
from cubefocus.cube.cutouts import scale01
from cubefocus.settings import BlobSettings
from cubefocus.tables.columns import BOX


def chain_extraction(settings: BlobSettings) -> Callable[[np.ndarray], np.ndarray]:
    """The extraction of the detection chain: from a map in [0, 1] to boxes of shape (n, 4)."""
    return lambda image: np.array([blob.box for blob in find_blobs(image, settings)], dtype=int).reshape(-1, 4)


def oracle_boxes(images: Iterable[tuple[int, np.ndarray]], extract: Callable[[np.ndarray], np.ndarray]) -> Table:
    """Extract boxes from noise-free integrated sky images.

    Parameters
    ----------
    images : iterable of (cube id, ndarray of shape (y, x))
        Sky cubes summed over their channels; a stream, so that one image is held at a time.
    extract : callable
        The extraction of the method that is to be bounded: from a map in [0, 1] to half-open boxes
        (x0, y0, x1, y1) in pixels, shape (n, 4).

    Returns
    -------
    astropy.table.Table
        Columns cube_id, x0, y0, x1, y1; empty but typed when there is nothing to find.
    """
    return boxes_table(((cube, scale01(image)) for cube, image in images), extract)


def boxes_table(maps: Iterable[tuple[int, np.ndarray]], extract: Callable[[np.ndarray], np.ndarray]) -> Table:
    """Extract boxes from maps as they are; parameters and result as those of `oracle_boxes`."""
    ids, found = [np.empty(0, dtype=np.int64)], [np.empty((0, 4), dtype=np.int64)]
    for cube, image in maps:
        boxes = np.asarray(extract(image), dtype=np.int64).reshape(-1, 4)
        ids.append(np.full(len(boxes), cube, dtype=np.int64))
        found.append(boxes)
    return Table([np.concatenate(ids), *np.concatenate(found).T], names=("cube_id", *BOX))
