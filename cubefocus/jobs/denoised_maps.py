"""Draw the reference fields of a dataset, and what each method makes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cubefocus.denoise.compared import Compared
from cubefocus.denoise.methods import OBSERVED, label_of
from cubefocus.denoise.scores import read_scores, reference_fields
from cubefocus.report.figures.denoised_maps import EMPTY, FieldMaps, field_maps
from cubefocus.report.figures.style import save_figure

FEW, MOST_IN_A_ROW = 6, 4  # maps: so many stand in rows of three, more of them in rows of four


@dataclass(frozen=True)
class DenoisedMaps:
    """What is drawn.

    Attributes
    ----------
    compared : Compared
        Of a dataset, all test images.
    scores : sequence of str
        Tables of scores of all test images, which say what the reference fields are.
    figure : str
        File to write, without its suffix.
    provenance : mapping
    """

    compared: Compared
    scores: Sequence[str]
    figure: str
    provenance: Mapping[str, Any] = field(default_factory=dict)


def run(job: DenoisedMaps) -> None:
    """Draw them.

    Raises
    ------
    CubefocusError
        If a table or an image cannot be read.
    """
    fields = reference_fields(read_scores(job.scores))
    maps = [by_method(job.compared, name, number) for name, number in fields.items()]
    save_figure(field_maps(maps, job.compared.cell_arcsec), Path(job.figure), job.provenance)


def by_method(compared: Compared, field: str, number: int) -> FieldMaps:
    """A reference field by all methods."""
    maps = [(title_of(made.method, compared.dataset), made.image) for made in compared.made(number)]
    columns = len(maps) // 2 if len(maps) <= FEW else MOST_IN_A_ROW
    rows = [maps[first : first + columns] for first in range(0, len(maps), columns)]
    return FieldMaps(field, [*rows[:-1], [*rows[-1], *[EMPTY] * (columns - len(rows[-1]))]])


def title_of(method: str, dataset: str) -> str:
    """What stands above a map: of the image as it is, which dataset it is of."""
    return f"{dataset} image" if method == OBSERVED else label_of(method)
