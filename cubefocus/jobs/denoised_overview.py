"""Draw the reference fields as they are and as they were observed, and what networks make of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cubefocus.denoise.compared import Compared
from cubefocus.denoise.methods import OBSERVED, SKY, UNTRAINED, label_of
from cubefocus.denoise.scores import read_scores, reference_fields
from cubefocus.jobs.denoised_maps import title_of
from cubefocus.report.figures.denoised_maps import EMPTY, FieldMaps, Titled, field_maps
from cubefocus.report.figures.style import save_figure


@dataclass(frozen=True)
class DenoisedOverview:
    """What is drawn.

    Attributes
    ----------
    compared : sequence of Compared
        One of each dataset but the identity, whose images are the skies, all with the same networks.
    scores : sequence of str
        Tables of scores of all test images, which say what the reference fields are.
    figure : str
        File to write, without its suffix.
    provenance : mapping
    """

    compared: Sequence[Compared]
    scores: Sequence[str]
    figure: str
    provenance: Mapping[str, Any] = field(default_factory=dict)


def run(job: DenoisedOverview) -> None:
    """Draw them.

    Raises
    ------
    CubefocusError
        If a table or an image cannot be read.
    """
    fields = reference_fields(read_scores(job.scores))
    maps = [by_dataset(job.compared, name, number) for name, number in fields.items()]
    save_figure(field_maps(maps, job.compared[0].cell_arcsec), Path(job.figure), job.provenance)


def by_dataset(compared: Sequence[Compared], field: str, number: int) -> FieldMaps:
    """A reference field: a column with its sky, and one of each dataset with what was seen and what networks say."""
    columns: list[list[Titled]] = []
    for one in compared:
        made = {each.method: each.image for each in one.made(number)}
        shown = [(title_of(method, one.dataset), image) for method, image in made.items()
                 if method == OBSERVED or method not in (SKY, *UNTRAINED)]  # fmt: skip
        columns.append([*shown])
    sky: list[Titled] = [(label_of(SKY), compared[0].sky(number)), *[EMPTY] * (len(columns[0]) - 1)]
    return FieldMaps(field, [*zip(sky, *columns, strict=True)])
