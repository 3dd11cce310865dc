"""Images of a cube for the page of its search."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class View:
    """An image of a cube for the page.

    Attributes
    ----------
    label : str
    image : ndarray, shape (y, x)
        NaN where there is nothing.
    unit : str
    """

    label: str
    image: np.ndarray
    unit: str


def sum_of(total: np.ndarray) -> View:
    """A cube summed over its channels, shape (y, x)."""
    return View("sum over channels", total, "Jy/beam x channel")
