"""Training pairs for fine-tuning: what the chain cut out so far, and the true source that it belongs to (MNRAS 4.5).

A prediction becomes a pair only if it matches a true source, as in the evaluation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from astropy.table import Table

from cubefocus.alma import catalogue, flux
from cubefocus.alma.candidate import Candidate, Field
from cubefocus.alma.chain import Chain
from cubefocus.alma.training_products import Products, labels
from cubefocus.cube.blanks import fill_spectra
from cubefocus.cube.cube import Cube
from cubefocus.cube.cutouts import box_spectra
from cubefocus.tables.matching import match

STAGES = ("blobs", "lines", "morphology")


def training_pairs(
    chain: Chain,
    stage: str,
    dirty: Sequence[Cube],
    sky: Sequence[np.ndarray],
    cube_ids: Sequence[int],
    truth: Table,
    criterion: Mapping[str, Any],
) -> Products:
    """Run the chain up to a stage and cut out what the next network is fine-tuned on.

    Parameters
    ----------
    chain : Chain
        With the networks of the stage and of those before it.
    stage : {"blobs", "lines", "morphology"}
        ``blobs``: spectra in predicted boxes, for Deep GRU. ``lines``: images focused by predicted boxes and line
        ranges, for the morphology networks. ``morphology``: line images by predicted 3D models, for the flux network.
    dirty : sequence of Cube
    sky : sequence of ndarray, shape (channel, y, x)
        The noise-free cubes, for the target spectra of stage ``blobs``; other stages need none.
    cube_ids : sequence of int
    truth : Table
        True sources of these cubes.
    criterion : mapping
        ``iou``, ``distance`` and ``line_iou`` of `cubefocus.tables.matching.match`.

    Returns
    -------
    dict of ndarray
        The datasets that the next network reads, with ``targets/*`` and ``index/*``; all may have no rows.
    """
    fields = chain.find_blobs(dirty, cube_ids)
    if stage == "blobs":
        chosen, matched = _matched(fields, truth, dict(criterion) | {"line_iou": None})
        return _spectra(fields, sky, chosen) | labels(matched)
    chain.find_lines(fields)
    chain.focus(fields)
    size = chain.settings.focus.size
    if stage == "lines":
        chosen, matched = _matched(fields, truth, criterion)
        return {"focused": _stack([one.focused for one in chosen], size)} | labels(matched)
    chain.measure_shapes(fields)
    for field in fields:
        flux.cut_line_images(field, chain.settings.flux.dilation, size)
    chosen, matched = _matched(fields, truth, criterion)
    return {"line_images": _stack([one.line_image for one in chosen], size)} | labels(matched)


def _matched(fields: Sequence[Field], truth: Table, criterion: Mapping[str, Any]) -> tuple[list[Candidate], Table]:
    """Live candidates that match a true source, and that source's rows, in the same order."""
    candidates = [candidate for field in fields for candidate in field.candidates]
    rows = catalogue.candidates_table(fields)
    alive = np.array([candidate.alive for candidate in candidates], dtype=bool)
    pairs = match(rows[alive], truth, **criterion)
    numbers = np.flatnonzero(alive)[pairs.pred]
    return [candidates[number] for number in numbers], truth[pairs.true]


def _spectra(fields: Sequence[Field], sky: Sequence[np.ndarray], chosen: Sequence[Candidate]) -> Products:
    """Dirty and noise-free spectra summed over the boxes of the chosen candidates, in their order."""
    home = {id(candidate): number for number, field in enumerate(fields) for candidate in field.candidates}
    n_channels = fields[0].n_channels
    spectra = {"spectra/dirty": [np.empty((0, n_channels))], "spectra/sky": [np.empty((0, n_channels))]}
    for candidate in chosen:
        number, box = home[id(candidate)], np.array([candidate.box])
        spectra["spectra/dirty"].append(fill_spectra(box_spectra(fields[number].cube.data, box)))
        spectra["spectra/sky"].append(box_spectra(sky[number], box))
    return {key: np.concatenate(value).astype(np.float32) for key, value in spectra.items()}


def _stack(images: Sequence[np.ndarray | None], size: int) -> np.ndarray:
    return np.array([np.asarray(image) for image in images], dtype=np.float32).reshape(-1, size, size)
