"""Compare what each method tells of the components of a sky, and what it detects there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from astropy.table import Table

from cubefocus.files import read_table, write_table
from cubefocus.resolve.compared import Made, compare
from cubefocus.resolve.detected import detect
from cubefocus.resolve.visibilities import Visibilities

MAIN, NATURAL = "main", "natural"


@dataclass(frozen=True)
class CompareResolved:
    """A sky.

    Attributes
    ----------
    made : Made
        Its files.
    visibilities, catalogue : str
        Besides: what was observed, and the sources of the posterior.
    compared, detected : str
        Tables to write. The finders search the image of natural weights, or the first one where there is none; without
        any image nothing is detected, and the table is empty.
    provenance : mapping
    """

    made: Made
    visibilities: str
    catalogue: str
    compared: str
    detected: str
    provenance: Mapping[str, Any] = field(default_factory=dict)


def run(job: CompareResolved) -> None:
    """Write both tables.

    Raises
    ------
    CubefocusError
        If a file cannot be read, or a finder fails.
    """
    made = job.made
    compared, found = compare(made), Table()
    if made.tclean:
        window = Visibilities.load(job.visibilities).windows[0]
        clean = made.tclean.get(NATURAL) or next(iter(made.tclean.values()))
        truth, fitted, catalogue = map(read_table, (made.truth, made.fitted, job.catalogue))
        found, notes = detect(truth, fitted, catalogue, clean, window.primary_beam, number_of(made.name))
        found.meta["notes"] = dict(notes)
    write_table(job.compared, compared, job.provenance)
    write_table(job.detected, found, job.provenance)


def number_of(sky: str) -> int:
    """Number of a sky among all: 0 of the one of the config."""
    return 0 if sky == MAIN else int(sky)
