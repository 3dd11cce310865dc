"""Small catalogues made by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from astropy.table import Table

NAMES = ("cube_id", "x0", "y0", "x1", "y1", "z0", "z1")


def catalogue(rows: Sequence[Sequence[float]], **more: Sequence[float]) -> Table:
    """Rows of (cube_id, x0, y0, x1, y1, z0, z1); further columns by name."""
    table = Table(rows=[list(row) for row in rows], names=NAMES, dtype=[int] * 5 + [float] * 2)
    for name, values in more.items():
        table[name] = np.asarray(values)
    return table


def square(cube: int, x: int, y: int, side: int = 10, z: float = 10.0, half: float = 4.0) -> tuple[float, ...]:
    """A row with a square box that starts at (x, y) and a line range z -+ half."""
    return cube, x, y, x + side, y + side, z - half, z + half
