"""The chain's way from a map of Blobs Finder to sources, for the variants of the network that are not the chain's."""

from __future__ import annotations

import numpy as np
from astropy.table import Table

from cubefocus.alma.blobs import find_blobs
from cubefocus.alma.rows import Blob
from cubefocus.find.interface import COLUMNS, Parameters, empty_detections, numbers
from cubefocus.settings import BlobSettings

_CHAIN = BlobSettings()
PARAMETERS = {"threshold": _CHAIN.threshold, "prominence": _CHAIN.split_prominence}
"""Of the chain: ``threshold`` and ``split_prominence`` of its blobs."""
NO_SPLIT = 1.0
"""A valley is never that deep: touching blobs stay one, as in the papers."""
GRID = {"threshold": (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5), "prominence": (0.1, 0.3, NO_SPLIT)}


def find(image: np.ndarray, parameters: Parameters = PARAMETERS) -> Table:
    """Find blobs in a map, as the chain does; a `cubefocus.find.interface.Finder`.

    Parameters
    ----------
    image : ndarray, shape (y, x)
        Map of a network, in [0, 1].
    parameters : mapping
        ``threshold``: level of the map above which a pixel belongs to a blob. ``prominence``: as ``split_prominence``
        of `cubefocus.settings.BlobSettings`; `NO_SPLIT` tells no blobs apart.

    Returns
    -------
    astropy.table.Table
        As `cubefocus.find.interface.Finder` says, in the unit of the map. It has no noise, so that snr is NaN.

    Raises
    ------
    CubefocusError
        If a parameter is not known or out of range.
    """
    values = numbers("blobs_finder", parameters, PARAMETERS)
    split = {"split": "none"} if values["prominence"] >= NO_SPLIT else {"split_prominence": values["prominence"]}
    blobs = find_blobs(image, BlobSettings.from_mapping({"threshold": values["threshold"], **split}))
    rows = [_row(image, blob) for blob in blobs]
    return Table(rows=rows, names=list(COLUMNS)) if rows else empty_detections()


def _row(image: np.ndarray, blob: Blob) -> tuple[int | float, ...]:
    x0, y0, x1, y1 = blob.box
    return *blob.box, *blob.centre, blob.probability, float(image[y0:y1, x0:x1].sum()), np.nan
