"""Run a box of dark matter, and keep what shines in it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from cubefocus.denoise.boxfile import write_emission
from cubefocus.denoise.emission import light_up
from cubefocus.denoise.nbody import BoxSettings, run_box

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class MakeBox:
    """A box.

    Attributes
    ----------
    sky : mapping
        Keys ``box_mpc``, ``particles``, ``mesh`` and ``steps`` of the config section.
    seed : int
    box : str
        File to write.
    provenance : mapping
    """

    sky: Mapping[str, Any]
    seed: int
    box: str
    provenance: Mapping[str, Any] = field(default_factory=dict)


def run(job: MakeBox) -> None:
    """Run it."""
    settings = BoxSettings(
        particles=job.sky["particles"],
        mesh=job.sky["mesh"],
        box_mpc=job.sky["box_mpc"],
        steps=job.sky["steps"],
        seed=job.seed,
    )
    made = run_box(settings, each=lambda done, of: logger.info("step %d of %d", done, of))
    write_emission(job.box, light_up(made), dict(job.provenance) | {"box": asdict(settings)})
