"""Fine-tuning where the networks upstream found nothing to fine-tune on."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cubefocus.files import atomic_path
from cubefocus.learn import checkpoint
from cubefocus.learn.loop import fit
from cubefocus.learn.task import Task
from cubefocus.settings import TrainingSettings

logger = logging.getLogger(__name__)

CURVE_COLUMNS = ("epoch", "learning_rate", "l1_weight", "train_loss", "valid_loss", "best_loss")


def finetune(
    task: Task,
    data_train: Mapping[str, np.ndarray],
    data_valid: Mapping[str, np.ndarray],
    settings: TrainingSettings,
    out: str | Path,
    start: str | Path,
    *,
    provenance: Mapping[str, Any] | None = None,
    **options: Any,
) -> None:
    """Go on from a trained network with products that were cut out with predicted parameters.

    Takes the arguments of `cubefocus.learn.loop.fit`. Where no prediction matched a true source, in the training
    or in the validation set, there is nothing to learn from: the network is passed on as it is, with a warning
    and an empty curve.
    """
    sizes = [len(data[task.keys[0]]) for data in (data_train, data_valid)]
    if all(sizes):
        fit(task, data_train, data_valid, settings, out, start, provenance=provenance, **options)
        return
    logger.warning(
        "%s: %d training and %d validation pairs matched a true source; the network stays as it was trained",
        task.name,
        *sizes,
    )
    checkpoint.save(out, {**checkpoint.load(start), "provenance": dict(provenance or {})})
    with atomic_path(Path(out).with_suffix(".csv")) as temporary:
        temporary.write_text(",".join(CURVE_COLUMNS) + "\n")
