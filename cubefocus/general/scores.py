"""How complete a search is at how many false sources a cube."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from astropy.table import Table


@dataclass(frozen=True, eq=False)
class Scores:
    """Islands of one proposer in some cubes, the highest first, and whether each is a source.

    Of a source the highest island counts alone: one with several lines has an island for each of them.

    Attributes
    ----------
    significance : ndarray, shape (island,)
    true : ndarray of bool, shape (island,)
        Whether it is of a source.
    n_sources, n_cubes : int
    """

    significance: np.ndarray
    true: np.ndarray
    n_sources: int
    n_cubes: int

    @classmethod
    def of(cls, candidates: Table, n_sources: int, n_cubes: int) -> Scores:
        """From rows with ``setup``, ``cube_id``, ``source`` (0: none) and ``significance``."""
        order = np.argsort(-np.asarray(candidates["significance"], dtype=float), kind="stable")
        rows = candidates[order]
        claimed: set[tuple[int, int, int]] = set()
        counts = np.zeros(len(rows), dtype=bool)
        for place, row in enumerate(rows):
            source = (int(row["setup"]), int(row["cube_id"]), int(row["source"]))
            counts[place] = source[2] == 0 or source not in claimed
            claimed.add(source)
        rows = rows[counts]
        true = np.asarray(rows["source"]) > 0
        return cls(np.asarray(rows["significance"], dtype=float), true, n_sources, n_cubes)

    def threshold(self, false_per_cube: float) -> float:
        """Least significance above which no more islands are false than that, a cube; that of the lowest at least."""
        n_false = np.cumsum(~self.true)
        good = np.flatnonzero(n_false <= false_per_cube * self.n_cubes)
        if not len(good):
            return float("inf")
        return float(self.significance[good[-1]])

    def above(self, threshold: float) -> tuple[int, int]:
        """Numbers of sources found and of false islands from a significance on."""
        high = self.significance >= threshold
        return int((self.true & high).sum()), int((~self.true & high).sum())


def false_height(candidates: Table, per_cube: float, n_cubes: int) -> float:
    """Significance that as many islands of no source reach as are asked for, a cube; NaN if there are fewer."""
    values = np.sort(np.asarray(candidates["significance"], dtype=float)[np.asarray(candidates["source"]) == 0])[::-1]
    number = max(round(per_cube * n_cubes), 1)
    return float(values[number - 1]) if len(values) >= number else float("nan")
