"""Infer the sky from visibilities, as samples of its posterior."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cubefocus.files import make_folder, write_table
from cubefocus.resolve.infer import infer
from cubefocus.resolve.state import times_in
from cubefocus.resolve.stored import plain_facts
from cubefocus.resolve.visibilities import Visibilities
from cubefocus.settings import InferenceSettings, PriorSettings


@dataclass(frozen=True)
class ResolveSky:
    """A sky to infer.

    Attributes
    ----------
    visibilities : str
        HDF5 file.
    posterior : str
        HDF5 file to write.
    state : str
        Folder with the state after each round, from which a run that was cut off goes on.
    rounds_folder : str
        Folder to write, of the posterior after some of the rounds.
    times : str
        Table to write, of what each round took. No two runs take the same time, so it lies apart.
    prior, inference : mapping
        Config sections.
    rounds : int
        In place of those of ``inference``.
    seed : int
    provenance : mapping
        Its plain values are told with the posterior.
    """

    visibilities: str
    posterior: str
    state: str
    rounds_folder: str
    times: str
    prior: Mapping[str, Any]
    inference: Mapping[str, Any]
    rounds: int
    seed: int
    provenance: Mapping[str, Any] = field(default_factory=dict)


def run(job: ResolveSky) -> None:
    """Infer it, or go on with it.

    Raises
    ------
    CubefocusError
        If the visibilities cannot be read, or a library that infers is missing.
    """
    # within the state, as a run that goes on does not come by the earlier rounds again
    state = make_folder(job.state, "check where results are written")
    shown = make_folder(state / "shown", "check where results are written")
    posterior = infer(
        Visibilities.load(job.visibilities),
        PriorSettings.from_mapping(job.prior),
        replace(InferenceSettings.from_mapping(job.inference), rounds=job.rounds),
        seed=job.seed,
        state=state,
        shown=shown,
    )
    told = plain_facts(job.provenance)
    replace(posterior, facts={**told, **posterior.facts}).save(job.posterior)
    folder = make_folder(job.rounds_folder, "check where results are written")
    for path in sorted(Path(shown).glob("*.h5")):
        shutil.copyfile(path, folder / path.name)
    write_table(job.times, times_in(state), job.provenance)
