"""Draw the sources of every cube from the experiment's seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cubefocus.files import write_table
from cubefocus.sky.catalogue import draw_catalogue


@dataclass(frozen=True)
class DrawCatalogue:
    """A catalogue to draw.

    Attributes
    ----------
    sky : mapping
        Config section.
    cubes : mapping from split to int
        How many, in the order of the splits.
    n_channels, n_pixels : int
    snr : list of float or None
        Range of the targets, lo and hi.
    seed : int
    catalogue : str
        Table to write.
    provenance : mapping
    """

    sky: Mapping[str, Any]
    cubes: Mapping[str, int]
    n_channels: int
    n_pixels: int
    snr: list[float] | None
    seed: int
    catalogue: str
    provenance: Mapping[str, Any] = field(default_factory=dict)


def run(job: DrawCatalogue) -> None:
    """Draw and write."""
    snr = (job.snr[0], job.snr[1]) if job.snr else None
    drawn = draw_catalogue(job.sky, job.n_channels, job.cubes, snr, job.seed, n_pixels=job.n_pixels)
    write_table(job.catalogue, drawn, job.provenance)
