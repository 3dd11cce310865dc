"""The learning rate over the iterations, and when to stop (MNRAS 4.5)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from cubefocus.settings import TrainingSettings


def learning_rate(iteration: int, n_iterations: int, settings: TrainingSettings) -> float:
    """Learning rate of one step, counted from 0: linear warm-up, then constant or a cosine down to zero."""
    rate = settings.learning_rate
    if iteration < settings.warmup_iterations:
        return rate * (iteration + 1) / settings.warmup_iterations
    if settings.decay == "none":
        return rate
    length = max(n_iterations - settings.warmup_iterations, 1)
    return rate * 0.5 * (1 + math.cos(math.pi * (iteration - settings.warmup_iterations) / length))


def epochs_without_improvement(losses: Sequence[float], window: int) -> int:
    """Length of the run of epochs, at the end, whose loss is not below the mean of the ``window`` losses before it."""
    run = 0
    for epoch in range(len(losses) - 1, 0, -1):
        before = losses[max(0, epoch - window) : epoch]
        if losses[epoch] < sum(before) / len(before):
            break
        run += 1
    return run
