"""How many of the islands above a significance noise and the imaging have made, from those of the cube times -1.

Above the threshold of the linking the square of the significance of such islands is distributed exponentially, if their
number falls as the tail of a normal distribution does; how fast, and how many there are, the negative islands tell. So
something can be said of a height that none of them reached.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

PRIOR = 5.0  # negative islands that the slope of Gaussian noise counts for, beside those that were found


@dataclass(frozen=True)
class FalseRate:
    """Number of false islands above a significance.

    Attributes
    ----------
    threshold : float
        Of the linking.
    number : float
        False islands above it that are expected.
    slope : float
        Mean of half the square of their significance, above that of the threshold; 1 for Gaussian noise.
    seen : int
        Negative islands that it was read off.
    """

    threshold: float
    number: float
    slope: float
    seen: int

    @classmethod
    def of(cls, negative: np.ndarray, threshold: float) -> FalseRate:
        """Read it off the significances of negative islands, shape (island,)."""
        above = 0.5 * (np.asarray(negative, dtype=float) ** 2 - threshold**2)
        slope = (above.sum() + PRIOR) / (len(above) + PRIOR)
        return cls(threshold, max(float(len(above)), 0.5), max(float(slope), 1.0), len(above))

    def above(self, significance: np.ndarray) -> np.ndarray:
        """Expected number of false islands at least that significant."""
        excess = 0.5 * (np.asarray(significance, dtype=float) ** 2 - self.threshold**2)
        return self.number * np.exp(-np.maximum(excess, 0.0) / self.slope)

    def reliability(self, significance: np.ndarray) -> np.ndarray:
        """Probability of each island to be none of them, from 0 to 1.

        False ones as dense as expected at this significance, over all that were found around it: the share of the false
        ones among the islands at least so significant, and not more than for any weaker one.
        """
        values = np.asarray(significance, dtype=float)
        order = np.argsort(-values, kind="stable")
        share = np.minimum(self.above(values[order]) / np.arange(1, len(values) + 1), 1.0)
        found = np.empty(len(values))
        found[order] = 1.0 - np.maximum.accumulate(share)
        return found

    def threshold_for(self, significance: np.ndarray, purity: float) -> float:
        """Least significance from which on that share of the islands is true; infinite where there is none."""
        values = np.sort(np.asarray(significance, dtype=float))[::-1]
        good = np.flatnonzero(self.above(values) <= (1.0 - purity) * np.arange(1, len(values) + 1))
        return float(values[good[-1]]) if len(good) else float("inf")
