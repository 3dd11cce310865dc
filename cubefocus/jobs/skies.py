"""Draw skies of the cosmic web from boxes, or take a user's own."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cubefocus.denoise.boxfile import read_emission
from cubefocus.denoise.fields import KINDS, FieldSettings, draw_sky
from cubefocus.denoise.folder import image_path
from cubefocus.denoise.sheet import Sheet
from cubefocus.denoise.skyfits import read_sky, write_sky
from cubefocus.files import make_folder

NEAREST = 0.06  # redshift of the nearest slice: nearer, a cluster fills a field

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class DrawSkies:
    """Skies of a batch.

    Attributes
    ----------
    images : sequence of int
        Their numbers among those of all splits: each has a seed of its own.
    boxes : sequence of str
        Boxes that they are drawn from.
    files : sequence of str
        A user's own skies instead, in the order of ``images``.
    sky : mapping
        Keys ``slices`` and ``redshift`` of the config section.
    size : int
        Side, px.
    cell_arcsec : float
    seed : int
    skies : str
        Folder to write.
    provenance : mapping
    """

    images: Sequence[int]
    boxes: Sequence[str]
    files: Sequence[str]
    sky: Mapping[str, Any]
    size: int
    cell_arcsec: float
    seed: int
    skies: str
    provenance: Mapping[str, Any] = field(default_factory=dict)


def run(job: DrawSkies) -> None:
    """Make them one by one: a cluster, a group, and any place in turn.

    Raises
    ------
    CubefocusError
        If a box or a file cannot be read, or the boxes have no place of the kind.
    """
    folder = make_folder(job.skies, "check where results are written")
    redshifts = tuple(np.linspace(NEAREST, job.sky["redshift"], job.sky["slices"]).tolist())
    settings = FieldSettings(job.size, job.cell_arcsec, redshifts)
    sheets = [Sheet(read_emission(path)) for path in job.boxes]
    for place, number in enumerate(job.images):
        facts: dict[str, Any] = dict(job.provenance) | {"image": number}
        if job.files:
            image = read_sky(job.files[place], job.size, job.cell_arcsec)
            facts["file"] = job.files[place]
        else:
            kind, seed = KINDS[number % len(KINDS)], seed_of(job.seed, number)
            image, _ = draw_sky(sheets, settings, seed, kind)
            facts |= {"kind": kind, "sky_seed": seed}
        write_sky(image_path(folder, number), image, job.cell_arcsec, facts)
        logger.info("sky %d: up to %.2g Jy/arcsec2", number, float(image.max()))


def seed_of(seed: int, number: int, what: int = 0) -> int:
    """Seed of an image: of its sky, or of its noise in a dataset (``what`` above 0)."""
    return int(np.random.SeedSequence([seed, what, number]).generate_state(1)[0])
