"""What single networks of the chain find, from its candidates."""

from __future__ import annotations

import numpy as np
from astropy.table import Table

from cubefocus.tables.columns import BOX, column, has_columns

BLOB_BOX = tuple(f"blob_{name}" for name in BOX)


def blobs(candidates: Table) -> Table:
    """What Blobs Finder alone finds: the candidates that are blobs of their own, with the box of the blob.

    Deblending may give a candidate a new box; ``blob_x0`` ... ``blob_y1``, where the table has them, hold the blob's.
    """
    return _with_blob_boxes(candidates[column(candidates, "parent_id") < 0])


def peaks(candidates: Table) -> Table:
    """What Blobs Finder and Deep GRU find: one row a peak of a blob's spectrum, with the box of the blob."""
    return _with_blob_boxes(candidates[np.isfinite(column(candidates, "z0"))])


def _with_blob_boxes(rows: Table) -> Table:
    if has_columns(rows, BLOB_BOX):
        for name, blob_name in zip(BOX, BLOB_BOX, strict=True):
            rows[name] = rows[blob_name]
    return rows
