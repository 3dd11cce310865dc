"""Published figures of the sweeps, as printed in Gheller & Vazza 2022 (MNRAS 509, 990), Appendix A and B.

Their mean squared errors are in "code units", which the paper does not define, and their discrepancies are counts of
pixels of an unstated number of images: they rank settings, and cannot be compared with ours by value.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Architecture:
    """One figure of Table A1: levels, neurons of the dense layer, side of the convolutions in px.

    The discrepancy is printed for convolutions of 3 x 3 px only.
    """

    levels: int
    neurons: int
    kernel: int
    mse: float
    discrepancy: float = math.nan


@dataclass(frozen=True)
class Setting:
    """One row of Tables B1 to B3."""

    epochs: int
    batch_size: int
    learning_rate: float
    mse: float


_A1 = (
    (2, 50, 3.246, 191610, 3.218), (2, 100, 1.229, 49068, 1.263), (2, 200, 0.575, 59180, 0.598),
    (2, 400, 0.400, 62300, 0.435), (3, 50, 3.259, 141288, 3.245), (3, 100, 1.209, 312606, 1.111),
    (3, 200, 0.605, 263144, 0.543), (3, 400, 0.611, 199036, 0.670), (4, 50, 5.017, 86408, 2.677),
    (4, 100, 1.407, 241464, 2.008), (4, 200, 0.934, 130892, 0.876), (4, 400, 0.854, 63698, 2.313),
)  # fmt: skip
ARCHITECTURES: Mapping[tuple[int, int, int], Architecture] = {
    (one.levels, one.neurons, one.kernel): one
    for levels, neurons, of_3, discrepancy, of_5 in _A1
    for one in (Architecture(levels, neurons, 3, of_3, discrepancy), Architecture(levels, neurons, 5, of_5))
}
"""Table A1, of the identity, by levels, neurons and kernel."""

BEST: Mapping[str, tuple[Setting, ...]] = {
    "identity": (
        Setting(100, 50, 0.0001, 0.382), Setting(300, 50, 0.00005, 0.412), Setting(100, 25, 0.0001, 0.415),
        Setting(300, 100, 0.005, 0.432), Setting(300, 100, 0.0001, 0.438), Setting(100, 50, 0.005, 0.449),
        Setting(100, 100, 0.001, 0.479), Setting(300, 100, 0.001, 0.489), Setting(100, 50, 0.00005, 0.535),
        Setting(100, 50, 0.001, 0.548),
    ),
    "noise": (
        Setting(100, 100, 0.001, 27.181), Setting(100, 150, 0.001, 28.348), Setting(100, 150, 0.00005, 29.531),
        Setting(100, 50, 0.0001, 29.546), Setting(100, 50, 0.00005, 29.784), Setting(100, 100, 0.0001, 30.007),
        Setting(100, 200, 0.0001, 30.525), Setting(100, 100, 0.00005, 30.526), Setting(300, 100, 0.0001, 30.738),
        Setting(100, 100, 0.0001, 30.769),
    ),
    "clean": (
        Setting(500, 50, 0.0001, 45.882), Setting(500, 100, 0.001, 49.694), Setting(300, 50, 0.001, 52.817),
        Setting(500, 50, 0.00005, 62.978), Setting(300, 100, 0.001, 87.378), Setting(300, 50, 0.0001, 90.731),
        Setting(500, 100, 0.0001, 106.497), Setting(100, 100, 0.00005, 136.113), Setting(300, 50, 0.00005, 155.270),
        Setting(300, 100, 0.0001, 178.352),
    ),
}  # fmt: skip
"""Tables B1 to B3, the ten best of each dataset, the best first.

The learning rate 0.005 of Table B1 is not one of those that the text lists, and Table B2 has two figures for the same
setting (100 epochs, batch of 100, 0.0001).
"""
