"""What the steps of the chain have made of one cube so far, a table a step (`cubefocus.alma.rows`)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from cubefocus.alma.field import Field
from cubefocus.alma.rows import Blob, Box, Cut, Key, Part, Peaks, Row, Shape, Source


@dataclass(frozen=True, eq=False)
class Searched:
    """A cube and its tables; those of steps that are still to come have no rows.

    Attributes
    ----------
    field : Field
    probability : ndarray, shape (y, x)
        Map of Blobs Finder, 0 where it was not looked at.
    blobs, peaks, parts, cuts, shapes, sources : tuple
        Rows of `cubefocus.alma.rows`.
    """

    field: Field
    probability: np.ndarray
    blobs: tuple[Blob, ...]
    peaks: tuple[Peaks, ...] = ()
    parts: tuple[Part, ...] = ()
    cuts: tuple[Cut, ...] = ()
    shapes: tuple[Shape, ...] = ()
    sources: tuple[Source, ...] = ()

    @property
    def cube_id(self) -> int:
        """Id of the cube."""
        return self.field.cube_id

    @property
    def integrated(self) -> np.ndarray:
        """Sum of the cube over its channels, shape (y, x)."""
        return self.field.integrated

    @property
    def catalogued(self) -> list[Source]:
        """The sources in the order of the catalogue: highest focused SNR first."""
        return sorted(self.sources, key=lambda source: -source.part.snr_focused)

    @property
    def keys(self) -> list[Key]:
        """All candidates in the order of their table: the blobs, then what deblending parted from them."""
        return [blob.key for blob in self.blobs] + [part.key for part in self.parts if part.rank]

    @property
    def boxes(self) -> dict[Key, Box]:
        """Box of each candidate."""
        return {blob.key: blob.box for blob in self.blobs} | {part.key: part.box for part in self.parts}

    def histories(self, keys: Iterable[Key]) -> list[list[Row]]:
        """Rows of candidates from step to step; a further peak begins with those of its blob."""
        of_blob, own = _by_key(self.blobs, self.peaks), _by_key(self.parts, self.shapes, self.sources)
        found = []
        for number, rank in keys:
            rows = [table.get((number, 0)) for table in of_blob] + [table.get((number, rank)) for table in own]
            found.append([row for row in rows if row is not None])
        return found


def _by_key(*tables: Iterable[Row]) -> list[dict[Key, Row]]:
    return [{row.key: row for row in table} for table in tables]
