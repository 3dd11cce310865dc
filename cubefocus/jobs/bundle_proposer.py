"""Put the network of the search into a bundle with its settings, what it was trained on, and a model card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cubefocus.files import atomic_path
from cubefocus.general.task import NAME
from cubefocus.instrument.observation import Observation
from cubefocus.instrument.response import open_response, response_folder
from cubefocus.jobs.propose import read_choice
from cubefocus.learn.bundle import Bundle
from cubefocus.learn.ranges import Range, range_of
from cubefocus.learn.shipped import CARD
from cubefocus.settings import DrawSettings

STUDY = "general"


@dataclass(frozen=True)
class BundleProposer:
    """What goes into the bundle.

    Attributes
    ----------
    model, choice, table : str
        Checkpoint, JSON file with the network's scale, and table of the proposers in Markdown.
    responses : sequence of str
        Cache of each set-up that the network learnt from.
    setups : sequence of mapping
        Those set-ups.
    draws, training : mapping
        Config sections.
    bundle : str
        Folder to write.
    provenance : mapping
    """

    model: str
    choice: str
    table: str
    responses: Sequence[str]
    setups: Sequence[Mapping[str, Any]]
    draws: Mapping[str, Any]
    training: Mapping[str, Any]
    bundle: str
    provenance: Mapping[str, Any] = field(default_factory=dict)


def run(job: BundleProposer) -> None:
    """Make the bundle.

    Raises
    ------
    CubefocusError
        If a file cannot be read.
    """
    draws = DrawSettings.from_mapping(job.draws)
    observations = [Observation.from_mapping(values) for values in job.setups]
    beams = [
        float(axis) / one.cell_arcsec
        for one, cache in zip(observations, job.responses, strict=True)
        for axis in open_response(response_folder(cache, one), one).beams[0, :2]
    ]
    ranges: dict[str, Range | None] = {"beam_px": range_of(beams), "snr": (None, draws.snr[1])}
    known = {name: pair for name, pair in ranges.items() if pair is not None}
    bundle = Bundle.from_checkpoints(
        {NAME: job.model}, {NAME: read_choice(job.choice)}, ranges=known, provenance=job.provenance, study=STUDY
    )
    bundle.save(job.bundle)
    text = card(bundle, job, draws, observations, beams)
    with atomic_path(Path(job.bundle) / CARD) as part:
        part.write_text(text, encoding="utf-8")


def card(
    bundle: Bundle,
    job: BundleProposer,
    draws: DrawSettings,
    observations: Sequence[Observation],
    beams: Sequence[float],
) -> str:
    """What a user should know of the network, in Markdown."""
    n_parameters = sum(int(np.prod(value.shape)) for value in bundle.networks[NAME].state.values())
    arrays = sorted({one.array for one in observations})
    decs = [one.centre.dec.deg for one in observations]
    times = [one.total_time_s / 60 for one in observations]
    hours = [one.hour_angle_h for one in observations]
    types = ", ".join(f"{name} {weight:g}" for name, weight in draws.types.items() if weight > 0)
    settings = bundle.detection[NAME]
    images = job.training["images"] * job.training["epochs"]
    lines = [
        "# The network of `cubefocus detect --proposals network`",
        "",
        "Finds candidates in restored cubes and in images, for `cubefocus detect --proposals network`.",
        "",
        f"It is a U-Net of {n_parameters} weights that says in which pixels of an image of a window of channels, in "
        "units of its noise, a source is seen. Made by `snakemake --profile profiles/local --configfile "
        "experiments/general.yaml`; its licence is that of the package.",
        "",
        "## What it was trained on",
        "",
        f"- {images} images, each drawn once: dirty ({1 - draws.restored:.0%}) or restored ({draws.restored:.0%}), "
        f"with thermal and white noise, {draws.empty_fraction:.0%} of them empty, the others with {draws.n_sources[0]} "
        f"to {draws.n_sources[1]} sources",
        f"- sky types by weight: {types}",
        f"- {len(observations)} set-ups of the arrays {', '.join(arrays)}; declinations {min(decs):.0f} to "
        f"{max(decs):.0f} deg, hour angles {min(hours):g} to {max(hours):g} h, {min(times):.0f} to {max(times):.0f} "
        "minutes",
        "",
        "## Valid ranges",
        "",
        "| quantity | range |",
        "| --- | --- |",
        f"| beam (FWHM of either axis) | {min(beams):.1f} to {max(beams):.1f} px, resampled to {draws.beam:g} px |",
        f"| signal-to-noise ratio of a source in an image | {draws.snr[0]:g} to {draws.snr[1]:g} |",
        f"| size of a source | standard deviation {draws.size[0]:g} to {draws.size[1]:g} FWHM of the beam, and "
        "textured ones of several times that |",
        "| channels | any number: windows of "
        f"{settings['narrowest']} and more, each twice as wide as the one before, up to the band |",
        "",
        "`cubefocus detect` says where a cube lies outside of the first two.",
        "",
        "## Measured on cubes of other set-ups",
        "",
        Path(job.table).read_text(encoding="utf-8").strip(),
        "",
    ]
    return "\n".join(lines)
