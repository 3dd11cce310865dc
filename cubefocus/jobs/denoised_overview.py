"""Draw the reference fields as they are and as they were observed, and what networks make of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cubefocus.denoise.compared import Compared
from cubefocus.denoise.methods import OBSERVED, SKY, label_of
from cubefocus.denoise.scores import read_scores, reference_fields
from cubefocus.jobs.denoised_maps import title_of
from cubefocus.report.figures.denoised_maps import EMPTY, FieldMaps, Titled, field_maps
from cubefocus.report.figures.style import save_figure
from cubefocus.specs import IDENTITY


@dataclass(frozen=True)
class DenoisedOverview:
    """What is drawn.

    Attributes
    ----------
    compared : sequence of Compared
        One of each dataset, all with the same networks.
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
    """A reference field: a column of each dataset with what was seen, and what networks make of it; the sky first."""
    columns: list[list[Titled]] = []
    for one in compared:
        made = {each.method: each.image for each in one.made(number)}
        seen = label_of(SKY) if one.dataset == IDENTITY else title_of(OBSERVED, one.dataset)
        columns.append([(seen, made[OBSERVED]), *((label_of(name), made[name]) for name in one.denoised)])
    if all(one.dataset != IDENTITY for one in compared):
        empty = [EMPTY] * (len(columns[0]) - 1)
        columns.insert(0, [(label_of(SKY), compared[0].sky(number)), *empty])
    return FieldMaps(field, [*zip(*columns, strict=True)])
