"""Grids of hyper-parameters of the autoencoder (GV22 Appendix A and B): what is tried, and what came of it.

A trial is a network, a learning rate and a batch size. It is trained once, for the largest number of epochs, and looked
at after each smaller one: a longer training continues the shorter one. It runs in a process of its own,
`cubefocus.denoise.trial`, so that one that is killed costs itself alone, and leaves its outcome on disk.
"""

from __future__ import annotations

import json
import logging
import math
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

from cubefocus.errors import CubefocusError
from cubefocus.files import atomic_path, make_folder
from cubefocus.ranks import at_work, follow
from cubefocus.settings import SweepSettings, TrainingSettings
from cubefocus.settings.lofar import AutoencoderShape
from cubefocus.specs import IDENTITY

logger = logging.getLogger(__name__)

DONE, DIVERGED, DIED = "done", "diverged", "died"
RUNNING, REFUSED = "running", "refused"  # of a trial that has not come to its end, and of one whose input is bad


@dataclass(frozen=True)
class Trial:
    """A network, how it is trained, and after how many epochs it is looked at.

    Attributes
    ----------
    maps, neurons, kernel
        Of `cubefocus.networks.Autoencoder`.
    learning_rate : float
    batch_size : int
    architecture, training : tuple of int
        Numbers of epochs after which it is a point of the grid of architectures, and of that of trainings.
    """

    maps: tuple[int, ...]
    neurons: int
    kernel: int
    learning_rate: float
    batch_size: int
    architecture: tuple[int, ...] = ()
    training: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """Says all that decides its weights: name of its folder."""
        maps = "-".join(map(str, self.maps))
        return f"maps{maps}_neurons{self.neurons}_kernel{self.kernel}_rate{self.learning_rate!r}_batch{self.batch_size}"

    @property
    def epochs(self) -> list[int]:
        """Numbers of epochs after which it is looked at, rising."""
        return sorted({*self.architecture, *self.training})

    @property
    def facts(self) -> dict[str, Any]:
        """Columns of a table that say what it is."""
        return {
            "levels": len(self.maps),
            "maps": "-".join(map(str, self.maps)),
            "neurons": self.neurons,
            "kernel": self.kernel,
            "learning_rate": self.learning_rate,
            "batch_size": self.batch_size,
        }


def trials_of(dataset: str, sweep: SweepSettings, shape: AutoencoderShape, training: TrainingSettings) -> list[Trial]:
    """Trials of a dataset: the grid of trainings, and of the identity that of architectures besides.

    A point that both grids have is one trial.

    Parameters
    ----------
    dataset : str
    sweep : SweepSettings
    shape : AutoencoderShape
        Of the network of the grid of trainings.
    training : TrainingSettings
        Learning rate, batch size and epochs of the grid of architectures.
    """
    found: dict[str, Trial] = {}
    if dataset == IDENTITY:
        usual = training.learning_rate, training.batch_size
        for levels, neurons, kernel in product(sweep.levels, sweep.neurons, sweep.kernels):
            trial = Trial(sweep.maps[:levels], neurons, kernel, *usual, architecture=(training.epochs,))
            found[trial.name] = trial
    for rate, size in product(sweep.learning_rates, sweep.batch_sizes):
        trial = Trial(shape.maps, shape.neurons, shape.kernel, rate, size, training=sweep.epochs)
        found[trial.name] = replace(found.get(trial.name, trial), training=sweep.epochs)
    return [*found.values()]


@dataclass(frozen=True)
class Look:
    """A trial after some epochs, by the validation images; NaN where it gave none.

    Attributes
    ----------
    epochs : int
    status : str
        `DONE`, or `DIVERGED` if the network of the lowest validation loss so far makes values that no float holds.
    best_epoch : int
        That of the lowest validation loss, of which the network is.
    validation_loss : float
        Mean squared error of the tiles, in the scale of the observed image.
    mse : float
        Mean squared error of the images, in the scale of the sky, as `cubefocus.jobs.score_denoised` gives it.
    relative_error, discrepancy : float
        GV22 Eq. 7, and Eq. A1 over the number of pixels; means of the images.
    seconds : float
        Of the training up to here, without what a process that was killed had done since the look before.
    """

    epochs: int
    status: str
    best_epoch: int
    validation_loss: float
    mse: float = math.nan
    relative_error: float = math.nan
    discrepancy: float = math.nan
    seconds: float = math.nan


@dataclass(frozen=True)
class Outcome:
    """What a trial has come to, as its folder keeps it.

    Attributes
    ----------
    recipe : str
        Digest of all that decides it; an outcome of another recipe does not count.
    status, reason : str
    parameters : int or None
        Of the network; None before it was made.
    looks : tuple of Look
    """

    recipe: str
    status: str = RUNNING
    reason: str = ""
    parameters: int | None = None
    looks: tuple[Look, ...] = ()

    @classmethod
    def read(cls, path: Path, recipe: str) -> Outcome:
        """What the file holds, or a trial that has not begun if it is not there or of another recipe.

        Raises
        ------
        CubefocusError
            If the file is damaged.
        """
        if not path.is_file():
            return cls(recipe)
        try:
            values = json.loads(path.read_text())
            looks = tuple(Look(**look) for look in values.pop("looks"))
            found = cls(**values, looks=looks)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise CubefocusError(f"{path}: truncated or damaged ({error}); delete it and run again") from error
        return found if found.recipe == recipe else cls(recipe)

    def write(self, path: Path) -> None:
        """Keep it."""
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps(asdict(self), indent=1) + "\n")

    def settled(self, trial: Trial) -> bool:
        """Whether nothing is left to do: one that died is tried again, one that diverged would do so again."""
        seen = {look.epochs for look in self.looks}
        return self.status == DIVERGED or (self.status == DONE and seen >= {*trial.epochs})

    def rows(self, trial: Trial) -> Iterator[dict[str, Any]]:
        """Rows of a table, one for each number of epochs; None where there is no value."""
        looks = {look.epochs: look for look in self.looks}
        for epochs in trial.epochs:
            grids = {"architecture": epochs in trial.architecture, "training": epochs in trial.training}
            row = {**trial.facts, "epochs": epochs, **grids}
            look = looks.get(epochs, Look(epochs, self.status, -1, math.nan))
            reason = "values that no float holds in denoised images" if look.status == DIVERGED else ""
            row |= {"status": look.status, "reason": reason if epochs in looks else self.reason}
            row |= {"mse": look.mse, "relative_error": look.relative_error, "discrepancy": look.discrepancy}
            row |= {"validation_loss": look.validation_loss}
            row |= {"best_epoch": look.best_epoch if epochs in looks else None, "parameters": self.parameters}
            yield row | {"seconds": look.seconds}


@dataclass(frozen=True)
class TrialJob:
    """A trial to run.

    Attributes
    ----------
    trial : Trial
    observed, skies : mapping of str to sequence of str
        Folders of images of the splits ``train`` and ``validation``, and of the skies behind them, in the same order.
    tile : int
        Side of the tiles, px.
    settings : mapping
        Config section of the training; learning rate, batch size and epochs are those of the trial.
    seed : int
    recipe : str
        Digest of all that decides the outcome, but for the numbers of epochs.
    folder : str
        Of the trial's own.
    code : str, optional
        Digest of the code that trains.
    """

    trial: Trial
    observed: Mapping[str, Sequence[str]]
    skies: Mapping[str, Sequence[str]]
    tile: int
    settings: Mapping[str, Any]
    seed: int
    recipe: str
    folder: str
    code: str | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> TrialJob:
        """As `run_trial` wrote it."""
        values = json.loads(path.read_text())
        trial: dict[str, Any] = {
            name: tuple(one) if isinstance(one, list) else one for name, one in values.pop("trial").items()
        }
        return cls(Trial(**trial), **values)

    @property
    def kept(self) -> Path:
        """File of the outcome."""
        return Path(self.folder) / "outcome.json"

    def outcome(self) -> Outcome:
        """What it has come to so far."""
        return Outcome.read(self.kept, self.recipe)


def run_trial(job: TrialJob) -> Outcome:
    """Run a trial in a process of its own, and return what came of it, also where that process died.

    Raises
    ------
    CubefocusError
        If its input is bad or it was told to stop, which is not a matter of this trial alone.
    """
    name = job.trial.name
    with at_work(f"trial {name}"):
        place = make_folder(job.folder, "check where results are written") / "job.json"
        with atomic_path(place) as temporary:
            temporary.write_text(json.dumps(asdict(job)))
        replace(job.outcome(), status=RUNNING, reason="").write(job.kept)
        last = ""

        def heard(line: str) -> None:
            nonlocal last
            last = line.strip() or last
            logger.info("%s: %s", name, line)

        status = follow([sys.executable, "-m", "cubefocus.denoise.trial", str(place)], heard)
        outcome = job.outcome()
        if outcome.status == REFUSED:
            raise CubefocusError(outcome.reason)
        if outcome.settled(job.trial):
            return outcome
        outcome = replace(outcome, status=DIED, reason=_cause(status, last))
        logger.warning("trial %s died: %s", name, outcome.reason)
        return outcome


def _cause(status: int, last: str) -> str:
    """Why a process ended before its work was done."""
    if status >= 0:
        return f"ended with status {status}: {last}"
    killed = f"killed by {signal.Signals(-status).name}"
    return f"{killed}, perhaps out of memory" if -status == signal.SIGKILL else killed
