"""The training loop: every network, from scratch and fine-tuned, on one process or several."""

from __future__ import annotations

import logging
import math
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from cubefocus.errors import CubefocusError
from cubefocus.learn.augment import N_RANDOM
from cubefocus.learn.distributed import World, deterministic, has_bfloat16, processes
from cubefocus.learn.interrupt import wish_to_stop
from cubefocus.learn.memory import kept_memory
from cubefocus.learn.schedule import epochs_without_improvement, learning_rate
from cubefocus.learn.state import Training, begin, recipe_of, write_curves
from cubefocus.learn.store import Store
from cubefocus.learn.task import Outputs, Task, as_outputs
from cubefocus.provenance import code_version
from cubefocus.settings import TrainingSettings

logger = logging.getLogger(__name__)

RESUME_PAUSE = 50.0  # between two resume files, in units of the time that writing one takes


class DivergedError(CubefocusError):
    """A loss that is not finite: no other number of epochs would help, another learning rate may."""


@dataclass(frozen=True)
class Problem:
    """What stays the same during a training."""

    task: Task
    train: Store
    valid: Store
    settings: TrainingSettings
    world: World


def fit(
    task: Task,
    data_train: Mapping[str, np.ndarray],
    data_valid: Mapping[str, np.ndarray],
    settings: TrainingSettings,
    out: str | Path,
    start: str | Path | None = None,
    *,
    seed: int = 0,
    device: str = "auto",
    provenance: Mapping[str, Any] | None = None,
    code: str | None = None,
    state: str | Path | None = None,
) -> list[dict[str, float]]:
    """Train a network and write the weights with the lowest validation loss.

    Parameters
    ----------
    task : Task
        What to learn, from `cubefocus.learn.task.make_task`.
    data_train, data_valid : mapping of str to ndarray, each of shape (n, ...)
        Training products; ``task.keys`` names those that are read.
    settings : TrainingSettings
    out : str or Path
        Checkpoint to write. The curves go beside it with suffix ``.csv``. While training runs, ``<out>.resume``
        holds what a killed run goes on from.
    start : str or Path, optional
        Checkpoint to fine-tune. Its architecture and normalisation are kept, and its own validation loss on the
        new data is the one to beat: fine-tuning that only harms returns the weights it began with.
    seed : int
        Fixes initial weights, order of the samples and augmentation.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``cuda:<n>``.
    provenance : mapping, optional
        Facts to keep in the checkpoint.
    code : str, optional
        Digest of the code behind the training: with another one it starts anew, and not from the resume file. Without
        it, that of the whole package.
    state : str or Path, optional
        Resume file that stays when training ends, in the place of ``<out>.resume``: the next call, with more epochs and
        otherwise the same, goes on from there, to the same weights as one that began with so many.

    Returns
    -------
    list of dict
        The curves, one entry an epoch; epoch 0, before any step, is there for fine-tuning only.

    Raises
    ------
    CubefocusError
        If the data cannot be used, the starting checkpoint is of another task, or what is done in an epoch hangs on the
        number of epochs and there is a ``state`` to go on from.
    DivergedError
        If the loss is not finite.
    """
    out = Path(out)
    if state is not None:
        _refuse_course(task, settings)
    with processes(device) as world, deterministic(world.device), kept_memory():
        train = Store(data_train, task.keys, world.device, f"training set of {task.name}")
        valid = Store(data_valid, task.keys, world.device, f"validation set of {task.name}")
        problem = Problem(task, train, valid, settings, world)
        training = begin(task, data_train, settings, start, seed, world.device, provenance)
        data = [train.digest, valid.digest]
        recipe = recipe_of(training, settings, start, data, code or code_version(), any_epochs=state is not None)
        resume = out.with_name(f"{out.name}.resume") if state is None else Path(state)
        training.resume(resume, recipe, settings.epochs)
        if start is not None and not training.history:
            nothing = {"learning_rate": 0.0, "l1_weight": 0.0, "train_loss": math.nan}
            training.record({**nothing, "valid_loss": validate(problem, training)})
        _run(problem, training, out, resume, recipe)
        if world.rank == 0:
            training.finish(out)
            if state is None:
                resume.unlink(missing_ok=True)
            else:
                training.suspend(resume, recipe)
        world.wait()
    return training.history


def _refuse_course(task: Task, settings: TrainingSettings) -> None:
    """Refuse a course of learning rate or loss that a longer training would have stretched from the first epoch on."""
    if settings.decay != "none":
        raise CubefocusError(
            f"training of {task.name}: decay is '{settings.decay}', which hangs on the number of epochs, so that a "
            "longer training cannot continue a shorter one; give none"
        )
    if type(task).weights is not Task.weights:
        raise CubefocusError(
            f"training of {task.name}: the weights of its loss hang on the number of epochs, so that a longer training "
            "cannot continue a shorter one; train each from the start"
        )


def _run(problem: Problem, training: Training, out: Path, resume: Path, recipe: str) -> None:
    """Epochs from where ``training`` stands until the last one or until the validation loss stops falling."""
    settings, name, first = problem.settings, problem.task.name, problem.world.rank == 0
    model = problem.world.wrap(training.model)
    terminal = first and sys.stderr.isatty()
    saved, cost = time.monotonic(), 0.0
    with (
        tqdm(total=settings.epochs, initial=training.epoch, desc=name, unit="epoch", disable=not terminal) as bar,
        wish_to_stop() as asked,
    ):
        while training.epoch < settings.epochs and not _stalled(training, settings):
            began = time.monotonic()
            row = train_epoch(problem, training, model)
            training.epoch += 1
            row["valid_loss"] = validate(problem, training)
            training.record(row)
            curves = f"loss {row['train_loss']:.4f}, validation {row['valid_loss']:.4f}"
            bar.set_postfix_str(curves, refresh=False)
            bar.update()
            if first and not terminal:
                seconds = time.monotonic() - began
                logger.info("%s: epoch %d of %d, %s, %.1f s", name, training.epoch, settings.epochs, curves, seconds)
            stop = problem.world.any(asked())
            if first and (stop or time.monotonic() - saved >= min(settings.resume_seconds, RESUME_PAUSE * cost)):
                began = time.monotonic()
                training.suspend(resume, recipe)
                write_curves(out.with_suffix(".csv"), training.history)
                saved = time.monotonic()
                cost = saved - began
            if stop:
                raise CubefocusError(
                    f"{name}: told to stop by SIGTERM after epoch {training.epoch}; the same command goes on from there"
                )


def train_epoch(problem: Problem, training: Training, model: nn.Module) -> dict[str, float]:
    """One pass over the training data in random order; returns its row of the curves."""
    task, data, settings, world = problem.task, problem.train, problem.settings, problem.world
    kind, normalisation = task.augmentation(settings.augment), training.description["normalisation"]
    weights = task.weights(training.epoch, settings.epochs)
    order = torch.randperm(len(data), generator=training.generator)
    u = torch.rand(len(data), N_RANDOM, generator=training.generator).to(world.device)
    batches = _batches(order, settings.batch_size, world.size)
    losses, rate, done = [], 0.0, 0
    model.train()
    for batch in batches:
        rate = learning_rate(training.iteration, len(batches) * settings.epochs, settings)
        for group in training.optimiser.param_groups:
            group["lr"] = rate * group["scale"]
        places, n_mine = world.share(len(batch))
        inputs, targets = task.batch(data.take(batch[places].to(world.device)), normalisation, kind, u[done:][places])
        loss = task.loss(_outputs(model, inputs, settings.precision), targets, weights, settings.ssim_window)
        training.optimiser.zero_grad(set_to_none=True)
        # processes may hold one sample more or less: weighted so, their average is the mean over the joint batch
        (loss * (n_mine * world.size / len(batch))).backward()
        training.optimiser.step()
        training.iteration += 1
        done += len(batch)
        losses.append(loss.detach() * n_mine)
    values = torch.stack(losses)
    _refuse_nan(values, problem, training.epoch + 1, batches)
    return {"learning_rate": rate, "l1_weight": weights[0], "train_loss": float(world.total(values.sum())) / len(data)}


def _batches(order: Tensor, batch_size: int, n_processes: int) -> tuple[Tensor, ...]:
    """Batches of nearly equal size, with a sample for every process where there are so many.

    A last batch of one or two samples would move the weights as far as a full one.
    """
    wanted = -(-len(order) // batch_size)
    return order.tensor_split(max(min(wanted, len(order) // n_processes), 1))


def _outputs(model: nn.Module, inputs: Tensor, precision: str) -> Outputs:
    """Outputs in float32; on a device that has bfloat16 the network itself computes in it if it may.

    On a CPU that halves the time of convolutions, while recurrent layers get slower by the conversions.
    """
    images = inputs.ndim == 4
    if images:
        inputs = inputs.contiguous(memory_format=torch.channels_last)
    half = precision == "auto" and has_bfloat16(inputs.device) and (images or inputs.device.type == "cuda")
    with torch.autocast(inputs.device.type, dtype=torch.bfloat16, enabled=half):
        return as_outputs(model(inputs))


@torch.no_grad()
def validate(problem: Problem, training: Training) -> float:
    """Mean loss of the validation set, without augmentation and with weights that do not move."""
    task, data, world = problem.task, problem.valid, problem.world
    normalisation, window = training.description["normalisation"], problem.settings.ssim_window
    model = training.model.eval()
    total = torch.zeros((), device=world.device)
    mine = torch.arange(len(data), device=world.device)[world.rank :: world.size]
    for batch in mine.split(problem.settings.batch_size) if len(mine) else ():
        unused = torch.zeros(len(batch), N_RANDOM, device=world.device)
        inputs, targets = task.batch(data.take(batch), normalisation, "none", unused)
        outputs = _outputs(model, inputs, problem.settings.precision)
        total += task.loss(outputs, targets, task.validation_weights, window) * len(batch)
    mean = float(world.total(total)) / len(data)
    if not math.isfinite(mean):
        raise DivergedError(
            f"{task.name}: validation loss is {mean} after epoch {training.epoch}; look for NaN in the validation "
            "products or lower learning_rate"
        )
    return mean


def _refuse_nan(losses: Tensor, problem: Problem, epoch: int, batches: tuple[Tensor, ...]) -> None:
    """Stop at the first batch whose loss is not finite; looked at once an epoch, not to wait for the GPU each step."""
    bad = torch.nonzero(~torch.isfinite(losses)).flatten().tolist()
    if bad:
        batch = batches[bad[0]]
        rows = ", ".join(str(row) for row in sorted(batch[problem.world.share(len(batch))[0]].tolist()))
        raise DivergedError(
            f"{problem.task.name}: loss is {float(losses[bad[0]])} in epoch {epoch}, batch {bad[0] + 1} of "
            f"{len(batches)} (rows {rows} of the training products); look for NaN there or lower learning_rate"
        )


def _stalled(training: Training, settings: TrainingSettings) -> bool:
    """Early stopping (MNRAS 4.5)."""
    losses = [row["valid_loss"] for row in training.history]
    if epochs_without_improvement(losses, settings.window) < settings.patience:
        return False
    best, name = training.best["epoch"], training.description["task"]
    logger.info("%s: no improvement in %d epochs; the best was epoch %d", name, settings.patience, best)
    return True
