"""Training pairs for fine-tuning: what the chain cut out so far, and the true source that it belongs to (MNRAS 4.5).

A prediction becomes a pair only if it matches a true source, as in the evaluation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from astropy.table import Table

from cubefocus.alma import catalogue
from cubefocus.alma.chain import Chain
from cubefocus.alma.lines import dirty_spectra
from cubefocus.alma.rows import Reason
from cubefocus.alma.searched import Searched
from cubefocus.alma.training_products import Products, labels
from cubefocus.cube.blanks import fill_spectra
from cubefocus.cube.cube import Cube
from cubefocus.cube.cutouts import box_spectra
from cubefocus.tables.matching import match


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
    found = chain.find_blobs(dirty, cube_ids)
    if stage == "blobs":
        chosen, matched = _matched(found, truth, dict(criterion) | {"line_iou": None})
        return _spectra(found, sky, chosen) | labels(matched)
    found = chain.focus(chain.find_lines(found))
    size = chain.settings.focus.size
    if stage == "lines":
        chosen, matched = _matched(found, truth, criterion)
        images = [cut.focused for one in found for cut in one.cuts]
        return {"focused": _chosen(images, chosen, size)} | labels(matched)
    found = chain.measure_shapes(found)
    chosen, matched = _matched(found, truth, criterion)
    images = [image for its in chain.line_images(found) for image in its]
    return {"line_images": _chosen(images, chosen, size)} | labels(matched)


def _matched(found: Sequence[Searched], truth: Table, criterion: Mapping[str, Any]) -> tuple[np.ndarray, Table]:
    """Places among the rows of the last step that match a true source, and that source's rows, in the same order."""
    rows = catalogue.candidates_table(found)
    pairs = match(rows[rows["reason"] == str(Reason.PENDING)], truth, **criterion)
    return pairs.pred, truth[pairs.true]


def _spectra(found: Sequence[Searched], sky: Sequence[np.ndarray], chosen: np.ndarray) -> Products:
    """Dirty and noise-free spectra summed over the boxes of the chosen blobs, in their order."""
    boxes = [(number, blob.box) for number, one in enumerate(found) for blob in one.blobs]
    n_channels = found[0].field.n_channels
    spectra = {"spectra/dirty": [np.empty((0, n_channels))], "spectra/sky": [np.empty((0, n_channels))]}
    for number, box in (boxes[place] for place in chosen):
        spectra["spectra/dirty"].append(fill_spectra(dirty_spectra(found[number].field, [box])))
        spectra["spectra/sky"].append(box_spectra(sky[number], np.array([box])))
    return {key: np.concatenate(value).astype(np.float32) for key, value in spectra.items()}


def _chosen(images: Sequence[np.ndarray], places: np.ndarray, size: int) -> np.ndarray:
    return np.array([images[place] for place in places], dtype=np.float32).reshape(-1, size, size)
