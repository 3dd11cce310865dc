"""A training as a request, a plain mapping, which any process can take; torchrun joins several."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cubefocus.alma.training_products import load_products
from cubefocus.learn.finetune import finetune
from cubefocus.learn.loop import fit
from cubefocus.learn.task import make_task
from cubefocus.settings import TrainingSettings


def train_network(request: Mapping[str, Any]) -> None:
    """Train a network on products, or fine-tune it.

    Parameters
    ----------
    request : mapping
        ``network``, ``models`` (config section), ``train`` and ``validation`` (lists of product files), ``settings``
        (config section of the network), ``model`` (checkpoint to write), ``start`` (checkpoint to fine-tune, or None),
        ``seed`` and ``provenance``.

    Raises
    ------
    CubefocusError
        As `cubefocus.learn.loop.fit`, or if the products cannot be read.
    """
    task = make_task(request["network"], request["models"])
    train, validation = (load_products(request[split], task.keys) for split in ("train", "validation"))
    settings = TrainingSettings.from_mapping(request["settings"])
    options = {"seed": request["seed"], "provenance": request["provenance"]}
    if request["start"]:
        finetune(task, train, validation, settings, request["model"], request["start"], **options)
    else:
        fit(task, train, validation, settings, request["model"], **options)
