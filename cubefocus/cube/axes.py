"""Axes of a header: which is which, their numbers, and the matrix between pixels and world coordinates."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from astropy.io import fits

from cubefocus.errors import CubefocusError

SPECTRAL_KINDS = ("FREQ", "ENER", "WAVN", "VRAD", "WAVE", "VOPT", "ZOPT", "AWAV", "VELO", "BETA", "FELO")
_ONE = re.compile(r"(NAXIS|CTYPE|CRVAL|CDELT|CRPIX|CUNIT|CNAME|CROTA|CRDER|CSYER)([1-9])")
_FIRST = re.compile(r"(PV|PS)([1-9])_(\d+)")
_BOTH = re.compile(r"(PC|CD)([1-9])_([1-9])")
_SKY = re.compile(r"RADESYS|EQUINOX|LONPOLE|LATPOLE|(A|B|AP|BP)_(ORDER|\d_\d)")
_SPECTRUM = ("RESTFRQ", "RESTWAV", "SPECSYS", "VELREF")


def kind_of(header: fits.Header, axis: int) -> str:
    """Kind of an axis: the first part of CTYPE in capitals (RA, FREQ, ...), empty if there is none."""
    return str(header.get(f"CTYPE{axis}", "")).strip().upper().split("-")[0]


def is_longitude(kind: str) -> bool:
    """Whether an axis of this kind is a right ascension or another celestial longitude."""
    return kind == "RA" or kind.endswith(("LON", "LN"))


def is_latitude(kind: str) -> bool:
    """Whether an axis of this kind is a declination or another celestial latitude."""
    return kind == "DEC" or kind.endswith(("LAT", "LT"))


def n_axes(header: fits.Header) -> int:
    """Number of axes that a header speaks of; those beyond NAXIS have one pixel."""
    named = [int(match[2]) for match in map(_ONE.fullmatch, _keywords(header)) if match and match[1] == "CTYPE"]
    return max([int(header.get("NAXIS", 0)), *named])


def _keywords(header: fits.Header) -> Iterator[str]:
    return (str(card.keyword) for card in header.cards)


def renumbered(keyword: str, numbers: Mapping[int, int]) -> str | None:
    """Keyword of an axis after its axis got another number; None if the axis is dropped."""
    if match := _ONE.fullmatch(keyword):
        new = numbers.get(int(match[2]))
        return None if new is None else f"{match[1]}{new}"
    if match := _FIRST.fullmatch(keyword):
        new = numbers.get(int(match[2]))
        return None if new is None else f"{match[1]}{new}_{match[3]}"
    if match := _BOTH.fullmatch(keyword):
        pair = [numbers.get(int(number)) for number in match.groups()[1:]]
        return None if None in pair else f"{match[1]}{pair[0]}_{pair[1]}"
    return keyword


def with_axes(header: fits.Header, kept: Sequence[int], shape: Sequence[int]) -> fits.Header:
    """Header with only some axes, in this order, of an array of this shape; other cards stay as they are."""
    numbers = {old: new for new, old in enumerate(kept, start=1)}
    result = fits.Header()
    for card in header.cards:
        keyword = renumbered(card.keyword, numbers)
        if keyword == card.keyword:
            result.append(card, end=True)
        elif keyword is not None:
            result.append((keyword, card.value, card.comment), end=True)
    result["NAXIS"] = len(shape)
    for place, size in enumerate(reversed(shape), start=1):
        result.set(f"NAXIS{place}", size, after="NAXIS" if place == 1 else f"NAXIS{place - 1}")
    result["WCSAXES"] = len(kept)
    return result


def part(header: fits.Header, axes: Sequence[int]) -> fits.Header:
    """The cards that place some axes in the world, and no others: what the WCS library is given.

    A fault of the spectral axis so cannot hide the sky, nor one of the sky the frequencies.
    """
    numbers = {old: new for new, old in enumerate(axes, start=1)}
    celestial = any(axis < 3 for axis in axes)
    result = fits.Header()
    for card in header.cards:
        if _ONE.fullmatch(card.keyword) or _FIRST.fullmatch(card.keyword) or _BOTH.fullmatch(card.keyword):
            if keyword := renumbered(card.keyword, numbers):
                result[keyword] = card.value
        elif _SKY.fullmatch(card.keyword) if celestial else card.keyword in _SPECTRUM:
            result[card.keyword] = card.value
    result["WCSAXES"] = len(axes)
    return result


def matrix_of(header: fits.Header, size: int) -> np.ndarray | None:
    """Steps of world coordinates by pixel coordinates, (world axis, pixel axis); None without CD and PC cards.

    CDi_j, or CDELTi x PCi_j (FITS paper I, eqs. 1 and 3).

    Raises
    ------
    CubefocusError
        If the header has both CD and PC cards.
    """
    found = {match[1] for match in map(_BOTH.fullmatch, _keywords(header)) if match}
    if not found:
        return None
    if len(found) > 1:
        raise CubefocusError("the header has CD and PC cards, which exclude each other; remove one kind")
    (kind,) = found
    matrix = np.eye(size) if kind == "PC" else np.zeros((size, size))
    for i, j in np.ndindex(size, size):
        matrix[i, j] = header.get(f"{kind}{i + 1}_{j + 1}", matrix[i, j])
    if kind == "PC":
        matrix *= np.array([[float(header.get(f"CDELT{i + 1}", 1.0))] for i in range(size)])
    return matrix


def set_steps(header: fits.Header, matrix: np.ndarray) -> None:
    """Write a matrix of steps as CDELT cards, with PC cards only where the image is rotated.

    Raises
    ------
    CubefocusError
        If the spectral axis depends on the position in the image, or the other way round.
    """
    size = len(matrix)
    if size > 2:
        mixed = np.abs(np.concatenate([matrix[2, :2] / (abs(matrix[2, 2]) or 1.0), matrix[:2, 2]]))
        if mixed[:2].max() > 1e-9 or (mixed[2:] > 1e-9 * np.abs(matrix[:2, :2]).max()).any():
            raise CubefocusError("its CD or PC cards mix the spectral axis with the image axes; regrid it")
    for keyword in [keyword for keyword in _keywords(header) if _BOTH.fullmatch(keyword) or keyword[:5] == "CROTA"]:
        header.remove(keyword, ignore_missing=True)
    if size > 2:
        header["CDELT3"] = float(matrix[2, 2])
    sky = matrix[:2, :2]
    if sky.any() and abs(np.linalg.det(sky)) < 1e-9 * np.abs(sky).max() ** 2:
        raise CubefocusError("its CD or PC cards are a singular matrix: pixels have no area; correct them")
    if not sky[0, 1] and not sky[1, 0]:
        header["CDELT1"], header["CDELT2"] = float(sky[0, 0]), float(sky[1, 1])
        return
    for i in range(2):
        scale = float(np.hypot(*sky[i]))
        header[f"CDELT{i + 1}"] = scale
        for j in range(2):
            header[f"PC{i + 1}_{j + 1}"] = float(sky[i, j] / scale) if scale else 0.0
