"""Precision, recall and F1 of counts."""

from __future__ import annotations

import numpy as np


def ratios(sums: np.ndarray) -> np.ndarray:
    """Precision, recall, F1 and mean IoU from the sums of `Matches.per_cube`.

    Parameters
    ----------
    sums : ndarray, shape (n, 4)
        TP, FP, FN, sum of the IoU.

    Returns
    -------
    ndarray, shape (n, 4)
        NaN where the denominator is 0.
    """
    tp, fp, fn, total = sums.T
    over = np.column_stack([tp, tp, 2 * tp, total])
    under = np.column_stack([tp + fp, tp + fn, 2 * tp + fp + fn, tp])
    return np.divide(over, under, out=np.full(over.shape, np.nan), where=under > 0)
