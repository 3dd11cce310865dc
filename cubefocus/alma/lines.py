"""Step 3 for whole fields: dirty spectra of blobs, cleaned in one pass, and their lines."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cubefocus.alma.field import Field
from cubefocus.alma.rows import NO_LINE, Blob, Box, Line, Peaks, Reason
from cubefocus.alma.spectra import PredictSpectra, clean_spectra, find_lines, line_free_level
from cubefocus.cube.blanks import fill_spectra
from cubefocus.cube.cutouts import box_spectra
from cubefocus.settings import SpectraSettings

Cleaned = tuple[np.ndarray, tuple[Line, ...]]


def find_peaks(
    fields: Sequence[Field],
    blobs: Sequence[Sequence[Blob]],
    predict: PredictSpectra,
    n_trained: int | None,
    settings: SpectraSettings,
) -> list[tuple[Peaks, ...]]:
    """Table of peaks of each field, a row a blob; one without a peak is dropped. Blobs of an image have no line.

    Parameters
    ----------
    fields : sequence of Field
    blobs : sequence of sequence of Blob
        Of each field.
    predict : callable
        Takes standardised spectra (n, n_trained), gives cleaned ones in [0, 1].
    n_trained : int or None
        Number of channels that ``predict`` takes; None if it takes any.
    settings : SpectraSettings
    """
    dirty = [dirty_spectra(field, [blob.box for blob in table]) for field, table in zip(fields, blobs, strict=True)]
    # One pass for all fields of one length, whatever lies between them.
    found: dict[int, list[Cleaned]] = {}
    images = {number for number, field in enumerate(fields) if field.is_image}
    found |= {number: [(np.zeros(1), (NO_LINE,)) for _ in blobs[number]] for number in images}
    for length in sorted({field.n_channels for field in fields if not field.is_image}):
        members = [number for number, field in enumerate(fields) if field.n_channels == length]
        cleaned = iter(_clean(np.concatenate([dirty[number] for number in members]), predict, n_trained, settings))
        found |= {number: [next(cleaned) for _ in blobs[number]] for number in members}
    return [
        tuple(
            _row(blob, clean, lines, None if number in images else n_trained)
            for blob, (clean, lines) in zip(table, found[number], strict=True)
        )
        for number, table in enumerate(blobs)
    ]


def dirty_spectra(field: Field, boxes: Sequence[Box]) -> np.ndarray:
    """Dirty spectra of boxes, shape (n, channel), all boxes of a cube at once; NaN in blank channels."""
    return box_spectra(field.cube.data, np.array(boxes, dtype=int).reshape(-1, 4))


def _row(blob: Blob, clean: np.ndarray, lines: tuple[Line, ...], n_trained: int | None) -> Peaks:
    resampled = bool(lines) and n_trained not in (None, len(clean))
    flags = frozenset({"resampled_spectrum"} if resampled else ())
    return Peaks(blob, clean, lines, Reason.PENDING if lines else Reason.NO_PEAK, flags)


def _clean(
    dirty: np.ndarray, predict: PredictSpectra, n_trained: int | None, settings: SpectraSettings
) -> list[Cleaned]:
    """Cleaned spectra and their lines; where channels are blank, with the level between the lines in their place.

    That level is not known before the lines are: the median serves first, which a line pulls up if few channels hold
    data.
    """
    clean = clean_spectra(fill_spectra(dirty), predict, n_trained)
    lines = [find_lines(one, settings) for one in clean]
    again = np.flatnonzero(~np.isfinite(dirty).all(axis=1))
    if len(again):
        levels = np.array([line_free_level(dirty[row], lines[row]) for row in again])
        clean[again] = clean_spectra(fill_spectra(dirty[again], levels), predict, n_trained)
        for row in again:
            lines[row] = find_lines(clean[row], settings)
    return [(one, tuple(its)) for one, its in zip(clean, lines, strict=True)]
