"""DECORAS's way from a network's map to sources (Rezaei et al. 2022, MNRAS 510, 5891), as MNRAS 5.1 applies it.

Its autoencoder is a network like the others (`cubefocus.alma.tasks.DecorasTask`); here are the blobs in its map.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from astropy.table import Table
from skimage.feature import blob_dog

from cubefocus.find.interface import COLUMNS, Parameters, empty_detections, numbers

# scikit-image's defaults, but for the threshold, half of the brightest source there. MNRAS names none of them.
PARAMETERS = {"threshold": 0.1, "min_sigma": 1.0, "max_sigma": 10.0, "radius": 3.0}
LOWS = {"min_sigma": 0.1, "max_sigma": 0.1}
GRID = {
    "threshold": (0.02, 0.05, 0.1, 0.15, 0.2, 0.3),
    "min_sigma": (1.0, 2.0, 4.0),
    "radius": (1.5, 2.0, 2.5, 3.0),  # MNRAS Eq. 21 has 3
}


class BlobFinder:
    """Blobs of a map by differences of Gaussians; keeps those of the last map, whose radius alone may change."""

    def __init__(self) -> None:
        self._map = np.empty(0)
        self._blobs: dict[tuple[float, ...], np.ndarray] = {}

    def __call__(self, image: np.ndarray, parameters: Parameters = PARAMETERS) -> Table:
        """Find blobs in a map.

        Parameters
        ----------
        image : ndarray, shape (y, x)
            Map of a network, in [0, 1].
        parameters : mapping
            ``threshold``: least height of a blob in the differences of Gaussians. ``min_sigma``, ``max_sigma``: pixels,
            of the Gaussians. ``radius``: half of a box's side in units of the blob's sigma (MNRAS Eq. 21).

        Returns
        -------
        astropy.table.Table
            As `cubefocus.find.interface.Finder` says, in the unit of the map. It has no noise, so that snr is NaN.

        Raises
        ------
        CubefocusError
            If a parameter is not known or out of range.
        """
        values = numbers("decoras", parameters, PARAMETERS, LOWS)
        rows = [_row(image, blob, values["radius"]) for blob in self._blobs_of(image, values)]
        return Table(rows=rows, names=list(COLUMNS)) if rows else empty_detections()

    def _blobs_of(self, image: np.ndarray, values: Mapping[str, float]) -> np.ndarray:
        """Rows (y, x, sigma)."""
        if not np.array_equal(image, self._map):
            self._map, self._blobs = np.array(image), {}
        key = (values["min_sigma"], values["max_sigma"], values["threshold"])
        if key not in self._blobs:
            self._blobs[key] = blob_dog(image, key[0], max(key[:2]), threshold=key[2])
        return self._blobs[key]


def _row(image: np.ndarray, blob: np.ndarray, radius: float) -> tuple[int | float, ...]:
    y, x, reach = blob[0], blob[1], radius * blob[2]
    x0, y0 = (max(round(place - reach), 0) for place in (x, y))
    x1, y1 = (min(round(place + reach) + 1, size) for place, size in ((x, image.shape[1]), (y, image.shape[0])))
    return x0, y0, x1, y1, x, y, image[int(y), int(x)], image[y0:y1, x0:x1].sum(), np.nan
