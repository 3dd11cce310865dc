"""Put the residual networks of a run into a bundle, one for each kind of images, with a model card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from astropy.table import Table

from cubefocus.denoise.folder import image_path, numbers_in
from cubefocus.denoise.image import open_image
from cubefocus.denoise.known import SAME_NOISE, SAME_SIZE, Known, name_of, noise_in
from cubefocus.denoise.network import DEFAULT_KIND
from cubefocus.denoise.scale import DIFFUSE
from cubefocus.errors import CubefocusError
from cubefocus.files import atomic_path
from cubefocus.jobs.observe import imaging_by
from cubefocus.learn import checkpoint
from cubefocus.learn.bundle import Bundle
from cubefocus.learn.shipped import CARD
from cubefocus.report.render import markdown_text
from cubefocus.report.tables.denoised import COLUMNS
from cubefocus.settings.lofar import ImagesSettings, LofarSettings

NETWORK, STUDY = "residual", "lofar"
IMAGES = {
    "noise": "the sky with noise that is independent in each pixel, behind no beam",
    "dirty": "images by LOFAR before CLEAN, corrected for the primary beam",
    "clean": "images by LOFAR after multiscale CLEAN (WSClean), corrected for the primary beam",
}
"""What the kinds of images are."""
SIMULATED = "The skies are simulated: relics and filaments of shocks, without radio galaxies and other compact sources."
SCORES = ("relative_error", "relative_error_faint", "dimming", "completeness", "purity")
"""Columns of the table of the methods that the card shows, with their standard deviations."""
OWN = "The skies are those of a user, as the config of the run names them."


@dataclass(frozen=True)
class BundleDenoiser:
    """What goes into the bundle.

    Attributes
    ----------
    models : mapping of str to str
        Checkpoint of the residual network for each kind of images.
    observed : mapping of str to str
        A folder with images of each kind, whose noise is measured.
    table : str
        The methods compared, as `cubefocus.jobs.denoised_table` writes it (CSV).
    images, observation : mapping
        Config sections.
    simulated : bool
        Whether the skies are those of the simulation, and not a user's own.
    seed : int
    bundle : str
        Folder to write.
    provenance : mapping
    """

    models: Mapping[str, str]
    observed: Mapping[str, str]
    table: str
    images: Mapping[str, Any]
    observation: Mapping[str, Any]
    simulated: bool
    seed: int
    bundle: str
    provenance: Mapping[str, Any] = field(default_factory=dict)


def run(job: BundleDenoiser) -> None:
    """Make the bundle.

    Raises
    ------
    CubefocusError
        If a file cannot be read, or a package of the observations is missing.
    """
    images, observation = ImagesSettings.from_mapping(job.images), LofarSettings.from_mapping(job.observation)
    known = {kind: known_of(kind, job.observed[kind], images, observation) for kind in job.models}
    names = {kind: name_of(NETWORK, kind) for kind in job.models}
    bundle = Bundle.from_checkpoints(
        {names[kind]: path for kind, path in job.models.items()},
        {names[kind]: one.settings() for kind, one in known.items()},
        dict.fromkeys(names.values(), NETWORK),
        ranges={"cell_arcsec": (images.cell_arcsec, images.cell_arcsec)},
        provenance=job.provenance,
        study=STUDY,
    )
    text = card(bundle, job, images, observation, known)
    bundle.save(job.bundle)
    with atomic_path(Path(job.bundle) / CARD) as part:
        part.write_text(text, encoding="utf-8")


def known_of(kind: str, folder: str, images: ImagesSettings, observation: LofarSettings) -> Known:
    """What the images of a kind are like: their noise as it will be measured in images of users.

    Raises
    ------
    CubefocusError
        If an image cannot be read or has no noise, or a package of the observations is missing.
    """
    measured = [noise_in(open_image(image_path(folder, number))) for number in numbers_in(folder)]
    held = [value for value in measured if value is not None]
    if not held:
        raise CubefocusError(f"{folder}: its images have no noise; let Snakemake make them again")
    beam: float | None = None  # noise alone has none
    if kind == "clean":
        beam = observation.beam_arcsec
    elif kind == "dirty":
        major, minor, _ = imaging_by(observation, images.size, images.cell_arcsec).beam
        beam = float(np.sqrt(major * minor))
    return Known(images.cell_arcsec, median(held), beam)


def card(
    bundle: Bundle,
    job: BundleDenoiser,
    images: ImagesSettings,
    observation: LofarSettings,
    known: Mapping[str, Known],
) -> str:
    """What a user should know of the networks, in Markdown."""
    states = {kind: checkpoint.load(path) for kind, path in job.models.items()}
    models = {kind: bundle.networks[name_of(NETWORK, kind)].model() for kind in states}
    n_weights = {kind: sum(one.numel() for one in model.parameters()) for kind, model in models.items()}
    chosen = measured(job.table, [*job.models])
    kinds, skies = ", ".join(job.models), "mock skies of the cosmic web" if job.simulated else "skies"
    lines = [
        "# The networks of `cubefocus denoise`",
        "",
        f"Remove noise and beams from continuum images with diffuse emission ({kinds}), for `cubefocus denoise`.",
        "",
        "They are residual U-Nets that see an image of any size in overlapping tiles, and tell in which pixels there "
        f"is emission above {DIFFUSE:g} Jy/arcsec2. `--kind` chooses one; without it, it is that for `{DEFAULT_KIND}` "
        "images or else the first of these:",
        "",
        *(f"- `{kind}`: {IMAGES[kind]}; {n_weights[kind]} weights" for kind in job.models),
        "",
        f"Made by the rules of the study `{STUDY}`, experiment `{job.provenance.get('experiment', 'unknown')}`; the "
        "licence is that of the package.",
        "",
        "## What they were trained on",
        "",
        f"- {images.train} {skies} of {images.size} x {images.size} px, {images.validation} more for validation, in "
        f"tiles of {images.tile} px; seed {job.seed}",
        f"- an observation of {observation.hours:g} h at {observation.frequency_mhz:g} MHz and declination "
        f"{observation.declination_deg:g} deg by the Dutch stations of LOFAR, noise of {observation.noise_mjy:g} "
        f"mJy/beam, Briggs robustness {observation.robust:g}",
        *(f"- `{kind}`: {_trained(state)}" for kind, state in states.items()),
        "",
        "## Valid ranges",
        "",
        "| images | pixel, arcsec | beam (FWHM), arcsec | noise, Jy/arcsec2 |",
        "| --- | ---: | ---: | ---: |",
        *(f"| {kind} | {one.cell_arcsec:g} | {_or_none(one.beam_arcsec)} | {one.noise_jy_arcsec2:.3g} |"
          for kind, one in known.items()),
        "",
        f"`cubefocus denoise` warns of an image whose pixels or beam differ by more than a factor {SAME_SIZE:g}, as "
        f"far as its header says them, or whose noise differs by more than a factor {SAME_NOISE:g}. The noise is "
        "measured in differences of pixels, in the images of the training as in those of users.",
        "",
        "## Measured on skies that they have not seen",
        "",
        markdown_text(chosen).strip(),
        "",
        "## Limits",
        "",
        f"- {SIMULATED if job.simulated else OWN} There are no calibration errors in the images. What looks otherwise "
        "is not what they have learnt.",
        "- They estimate the mean of what the sky may be: faint emission comes out fainter than it is where it is not "
        "sure, and the result has no error bars. The probability of emission (`--probability`) says where to look.",
        "- A network that learnt from images of another kind may see emission, of any brightness, in sidelobes that it "
        "has never seen: name the kind.",
        "- The noise is taken to be nearly the same everywhere; near the edge of a mosaic that was divided by the "
        "primary beam it is not.",
        "",
    ]  # fmt: skip
    return "\n".join(lines)


def measured(path: str, kinds: Sequence[str]) -> Table:
    """Rows of the table of the methods for some kinds of images, with the columns that a user asks about.

    Raises
    ------
    CubefocusError
        If it cannot be read.
    """
    try:
        every = Table.read(path, format="ascii.csv")
        chosen = every[np.isin(np.asarray(every["dataset"]), [*kinds])]
        chosen = chosen["dataset", "method", *(f"{name}{end}" for name in SCORES for end in ("", "_std"))]
    except (OSError, ValueError, KeyError) as error:
        raise CubefocusError(f"{path}: not a table of the methods ({error}); let Snakemake make it again") from error
    for name in SCORES:
        chosen[name].info.description = COLUMNS[name][1]
    return chosen


def _trained(state: Mapping[str, Any]) -> str:
    """How a network was trained, by its checkpoint."""
    code = state["provenance"].get("code", "unknown code")
    return f"epoch {state['epoch']} of {state['settings']['epochs']}, the one of the lowest validation loss; {code}"


def _or_none(value: float | None) -> str:
    return "none" if value is None else f"{value:.3g}"
