"""The process of one trial of a sweep: ``python -m cubefocus.denoise.trial FILE``, a `TrialJob`."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from cubefocus.denoise.blocks import denoise_array
from cubefocus.denoise.folder import read_images
from cubefocus.denoise.metrics import discrepancy, mean_relative_error, mean_squared_error
from cubefocus.denoise.network import Denoiser, one_thread
from cubefocus.denoise.products import products
from cubefocus.denoise.scale import LogScale
from cubefocus.denoise.sweep import DIVERGED, DONE, REFUSED, Look, Outcome, TrialJob
from cubefocus.denoise.task import DENOISED, AutoencoderTask
from cubefocus.errors import CubefocusError
from cubefocus.learn import checkpoint
from cubefocus.learn.loop import DivergedError, fit
from cubefocus.ranks import leave_with
from cubefocus.settings import TrainingSettings

logger = logging.getLogger(__name__)


def train(job: TrialJob) -> Outcome:
    """Train from where the trial was left, look at it after each number of epochs, and keep what came of it.

    On a CPU it takes one thread, whose sums have one order: what comes out does not depend on the ranks beside it.

    Raises
    ------
    CubefocusError
        As `cubefocus.learn.loop.fit`, but for a loss that is not finite, which is an outcome.
    """
    trial, folder, outcome = job.trial, Path(job.folder), job.outcome()
    task = AutoencoderTask(trial.maps, trial.neurons, trial.kernel)
    settings = replace(
        TrainingSettings.from_mapping(job.settings), learning_rate=trial.learning_rate, batch_size=trial.batch_size
    )
    data, valid = (products(job.observed[split], job.skies[split], job.tile) for split in ("train", "validation"))
    outcome = replace(outcome, parameters=n_parameters(task, data))
    outcome.write(job.kept)
    model, state = folder / "model.pt", folder / "state.pt"
    seconds = max((look.seconds for look in outcome.looks), default=0.0)
    with one_thread():
        for epochs in trial.epochs:
            if epochs in {look.epochs for look in outcome.looks}:
                continue
            wanted = replace(settings, epochs=epochs)
            began = time.monotonic()
            try:
                history = fit(task, data, valid, wanted, model, seed=job.seed, code=job.code, state=state,
                              provenance=job.provenance)  # fmt: skip
            except DivergedError as error:
                outcome = replace(outcome, status=DIVERGED, reason=str(error))
                break
            seconds += time.monotonic() - began
            best = min(history, key=lambda row: row["valid_loss"])
            look = Look(epochs, DONE, int(best["epoch"]), best["valid_loss"], seconds=seconds)
            look = measured(look, model, job.observed["validation"], job.skies["validation"])
            outcome = replace(outcome, looks=(*outcome.looks, look))
            outcome.write(job.kept)
        else:
            outcome = replace(outcome, status=DONE)
    outcome.write(job.kept)
    for file in (model, state):  # a gigabyte each
        file.unlink(missing_ok=True)
    return outcome


def n_parameters(task: AutoencoderTask, data: Mapping[str, np.ndarray]) -> int:
    """Parameters of the network of a task."""
    with torch.device("meta"):  # where it takes no memory
        model = checkpoint.build(task.network, task.arguments(data))
    return sum(parameter.numel() for parameter in model.parameters())


def measured(look: Look, model: Path, observed: Sequence[str], skies: Sequence[str]) -> Look:
    """The same with the measures of the images that the network makes of some observed ones.

    Values that no float holds are no data to the measures, which would forgive the worst pixels: then it diverged.
    """
    denoiser = Denoiser.load(model)
    found: dict[str, list[float]] = {"mse": [], "relative_error": [], "discrepancy": []}
    for (_, image), (_, sky) in zip(read_images(observed), read_images(skies), strict=True):
        made, scale = denoise_array(denoiser, image)[DENOISED], LogScale.of(sky)
        if not np.isfinite(made[np.isfinite(image)]).all():
            return replace(look, status=DIVERGED)
        found["mse"].append(mean_squared_error(scale.apply(sky), scale.apply(made)))
        found["relative_error"].append(mean_relative_error(sky, made))
        found["discrepancy"].append(discrepancy(sky, made) / sky.size)
    mse, relative_error, of_histogram = map(_mean, found.values())
    return replace(look, mse=mse, relative_error=relative_error, discrepancy=of_histogram)


def _mean(values: Sequence[float]) -> float:
    """Mean of those that there are: an image may have no pixel bright enough to count."""
    held = [value for value in values if np.isfinite(value)]
    return float(np.mean(held)) if held else float("nan")


def main() -> int:
    """Run the job of a file: 0 when the trial came to its end, 1 after an error that is kept as its outcome."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stdout)
    logging.getLogger("cubefocus").setLevel(logging.INFO)
    leave_with(os.getppid())
    job = TrialJob.read(Path(sys.argv[1]))
    try:
        train(job)
    except CubefocusError as error:
        replace(job.outcome(), status=REFUSED, reason=str(error)).write(job.kept)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
