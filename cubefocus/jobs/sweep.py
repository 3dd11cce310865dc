"""Train the autoencoder with each set of hyper-parameters of a grid."""

from __future__ import annotations

import logging
import zlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import MaskedColumn, Table

from cubefocus.denoise.folder import image_path, numbers_in
from cubefocus.denoise.sweep import DONE, Outcome, Trial, TrialJob, run_trial, trials_of
from cubefocus.errors import CubefocusError
from cubefocus.files import write_table
from cubefocus.provenance import code_version, digest
from cubefocus.settings import SweepSettings, TrainingSettings
from cubefocus.settings.lofar import AutoencoderShape

logger = logging.getLogger(__name__)

OF_TRIAL = ("learning_rate", "batch_size", "epochs")  # settings that each trial has of its own
SPLITS = ("train", "validation")


@dataclass(frozen=True)
class Sweep:
    """A sweep of one dataset.

    Attributes
    ----------
    dataset : str
    observed, skies : mapping of str to sequence of str
        Folders of images of the splits ``train`` and ``validation``, and of the skies behind them, in the same order.
    tile : int
        Side of the tiles, px.
    options, settings, grid : mapping
        Config sections of the network, of its training and of the sweep.
    seed : int
        That of all trials.
    table, times : str
        Tables to write, a row for each trial and number of epochs. A folder beside the first one keeps what each trial
        has come to.
    code : str, optional
        Digest of the code that trains: outcomes of other code do not count.
    provenance : mapping
    """

    dataset: str
    observed: Mapping[str, Sequence[str]]
    skies: Mapping[str, Sequence[str]]
    tile: int
    options: Mapping[str, Any]
    settings: Mapping[str, Any]
    grid: Mapping[str, Any]
    seed: int
    table: str
    times: str
    code: str | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)


def run(job: Sweep, executor: Executor | None = None) -> None:
    """Run the trials that are missing one after the other or, with an executor, where that runs them; write the tables.

    Raises
    ------
    CubefocusError
        If an image cannot be read, a setting cannot be used, a trial was told to stop, or none came to its end.
    """
    trials = trials_of(
        job.dataset,
        SweepSettings.from_mapping(job.grid),
        AutoencoderShape.from_mapping(job.options),
        TrainingSettings.from_mapping(job.settings),
    )
    jobs = jobs_of(job, trials)
    outcomes = {one.trial.name: one.outcome() for one in jobs}
    missing = [one for one in jobs if not outcomes[one.trial.name].settled(one.trial)]
    logger.info("%s: %d of %d trials are to be run", job.dataset, len(missing), len(jobs))
    over: Callable[..., Any] = map if executor is None else executor.map
    for number, (one, outcome) in enumerate(zip(missing, over(run_trial, missing), strict=True), 1):
        outcomes[one.trial.name] = outcome
        logger.info("%s: trial %d of %d: %s, %s", job.dataset, number, len(missing), one.trial.name, outcome.status)
    table = rows(job.dataset, trials, outcomes)
    if DONE not in table["status"]:
        reason = f"{table['status'][0]}: {table['reason'][0]}"
        raise CubefocusError(f"{job.table}: none of {len(trials)} trials came to its end; the first one {reason}")
    facts = ("dataset", *trials[0].facts, "epochs")
    write_table(job.times, table[[*facts, "status", "seconds"]], job.provenance)
    table.remove_column("seconds")
    write_table(job.table, table, job.provenance)


def jobs_of(job: Sweep, trials: Sequence[Trial]) -> list[TrialJob]:
    """Job of each trial, with a folder and a recipe of its own."""
    settings = {key: value for key, value in job.settings.items() if key not in OF_TRIAL}
    folders = [folder for kind in (job.observed, job.skies) for split in SPLITS for folder in kind[split]]
    facts = {"settings": settings, "tile": job.tile, "seed": job.seed, "code": job.code or code_version()}
    facts["images"] = checksum(folders)
    place = Path(job.table).with_suffix(".trials")
    return [
        TrialJob(
            trial=trial,
            observed=job.observed,
            skies=job.skies,
            tile=job.tile,
            settings=settings,
            seed=job.seed,
            recipe=digest({**facts, "trial": trial.facts}),
            folder=str(place / trial.name),
            code=job.code,
            provenance=job.provenance,
        )
        for trial in trials
    ]


def checksum(folders: Sequence[str]) -> int:
    """Of the files of all images: finished trials of others do not count."""
    value = 0
    for folder in dict.fromkeys(folders):
        for number in numbers_in(folder):
            value = zlib.crc32(image_path(folder, number).read_bytes(), value)
    return value


def rows(dataset: str, trials: Sequence[Trial], outcomes: Mapping[str, Outcome]) -> Table:
    """Table of all trials, in the order of the grid."""
    every = [{"dataset": dataset, **row} for trial in trials for row in outcomes[trial.name].rows(trial)]
    table = Table()
    for name in every[0]:
        values = [row[name] for row in every]
        missing = [value is None for value in values]
        if any(missing):
            table[name] = MaskedColumn([0 if value is None else value for value in values], mask=missing)
        else:
            table[name] = np.asarray(values)
    return table
