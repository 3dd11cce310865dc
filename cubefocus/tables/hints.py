"""What looks wrong when a catalogue is laid beside the truth: shifted pixels, other units, other numbers of cubes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from astropy.table import Table

from cubefocus.tables.columns import BOX, centres, columns, cube_ids, has_columns
from cubefocus.tables.entries import Truth
from cubefocus.tables.matching import match

FEWEST = 3  # pairs that a pattern is seen in
SHIFT = 0.4  # px, of all sources alike, that is no error of measurement
SCATTER = 0.2  # px, that half of the sources are within of a shift that all share
FACTOR = 50.0  # by which fluxes differ in another unit
CHANNELS = 3.0  # that the line of one source at least is closer than


def hints(name: str, found: Table, truth: Truth, distance: float) -> Iterator[str]:
    """Sentences on what is likely wrong with a catalogue, none for one that fits.

    Parameters
    ----------
    name : str
        Of the catalogue, for the options that are named.
    found : astropy.table.Table
        As `cubefocus.tables.entries.read_entry` makes it.
    truth : Truth
    distance : float
        Pixels within which two positions belong together.
    """
    true = truth.table
    if not len(found) or not len(true):
        return
    pairs = match(found, true, iou=None, distance=distance)
    if (other := _renumbered(found, truth, distance, pairs.tp)) is not None:
        yield other
    elif not pairs.tp:
        yield _nothing_near(found, true, distance)
    if pairs.tp >= FEWEST:
        exact = all(has_columns(table, ("x", "y")) for table in (found, true))  # boxes are whole pixels
        places = [columns(table, ("x", "y")) if exact else centres(table) for table in (found, true)]
        yield from _shifted(name, places[0][pairs.pred] - places[1][pairs.true])
        yield from _other_flux(name, found, true, pairs.pred, pairs.true)
        yield from _other_lines(found, true, pairs.pred, pairs.true)
    if pairs.tp and has_columns(found, BOX) and has_columns(true, BOX) and not (pairs.iou > 0.5).any():
        most = np.nanmax(pairs.iou, initial=0.0)
        yield (f"{pairs.tp} positions fit, but their boxes overlap by an IoU of {most:.2f} at most; --ignore boxes "
               "matches by distance only")  # fmt: skip


def _nothing_near(found: Table, true: Table, distance: float) -> str:
    apart = np.full(1, np.inf)
    for cube in np.intersect1d(cube_ids(found), cube_ids(true)):
        ours, theirs = centres(found[cube_ids(found) == cube]), centres(true[cube_ids(true) == cube])
        apart = np.append(apart, np.hypot(*np.moveaxis(ours[:, None] - theirs[None], -1, 0)).ravel())
    nearest = float(np.nanmin(apart))
    where = f"the nearest is {nearest:.3g} px from one" if np.isfinite(nearest) else "no true source is in its cubes"
    return f"none of its sources is within {distance:g} px of a true one, {where}; check columns, --origin and cubes"


def _shifted(name: str, offsets: np.ndarray) -> Iterator[str]:
    middle = np.median(offsets, axis=0)
    scatter = np.median(np.abs(offsets - middle), axis=0)
    if np.hypot(*middle) < SHIFT or scatter.max() > SCATTER:
        return
    way = ""
    for sign, origin in ((1.0, 1), (-1.0, 0)):
        if (np.abs(middle - sign) < 0.3).all():
            way = f"; if its pixels count from {origin}, --origin {name}:{origin}"
    yield f"its positions are all shifted, by {middle[0]:+.2f}, {middle[1]:+.2f} px from the true ones{way}"


def _other_flux(name: str, found: Table, true: Table, pred: np.ndarray, sources: np.ndarray) -> Iterator[str]:
    if "flux" not in found.colnames or "flux" not in true.colnames:
        return
    ours, theirs = np.asarray(found["flux"], dtype=float)[pred], np.asarray(true["flux"], dtype=float)[sources]
    good = np.isfinite(ours) & np.isfinite(theirs) & (theirs != 0)
    ratio = abs(float(np.median(ours[good] / theirs[good]))) if good.sum() >= FEWEST else 1.0
    if ratio > FACTOR or 0 < ratio < 1.0 / FACTOR:
        yield f"its fluxes are {ratio:.3g} times the true ones; if they are in mJy/beam, --unit {name}:flux=mJy/beam"


def _other_lines(found: Table, true: Table, pred: np.ndarray, sources: np.ndarray) -> Iterator[str]:
    if "z" not in found.colnames or "z" not in true.colnames:
        return
    ours, theirs = np.asarray(found["z"], dtype=float)[pred], np.asarray(true["z"], dtype=float)[sources]
    apart = np.abs(ours - theirs)[np.isfinite(ours) & np.isfinite(theirs)]
    if apart.size >= FEWEST and apart.min() > CHANNELS:
        yield (f"none of its {apart.size} lines is within {CHANNELS:g} channels of the true one; if its z is no "
               "channel, --ignore lines")  # fmt: skip


def _renumbered(found: Table, truth: Truth, distance: float, hits: int) -> str | None:
    """Whether the numbers of the cubes are their places in the list of the truth's cubes."""
    ids, listed = cube_ids(found), np.array(sorted(truth.cubes), dtype=np.int64)
    if not truth.has_ids or ids.min() < 0 or ids.max() >= len(listed) or np.array_equal(listed, np.arange(len(listed))):
        return None
    moved = found.copy(copy_data=True)
    moved["cube_id"] = listed[ids]
    better = match(moved, truth.table, iou=None, distance=distance).tp
    if better < FEWEST or better <= 2 * hits:
        return None
    return (
        f"{hits} of its positions fit, but {better} would if its cube 0 were the truth's cube {listed[0]}, 1 its cube "
        f"{listed[1]}, ...; give the truth's numbers in a column, --column cube_id=NAME, or run detect again on cubes "
        "that have their cube_id"
    )
