"""What each method detects in a continuum image, with boxes that mean the same for all of them.

A box holds the pixels in which a source, as the natural beam of CLEAN shows it, is above half of its maximum.
Catalogues of Gaussians on the sky (truth, fit, RESOLVE) are convolved with that beam. Finders search the cleaned
image times the primary beam, in which noise is even; of their islands the part that is above half of the peak counts.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from astropy.table import Table, vstack
from scipy import ndimage

from cubefocus.cube.beams import Beam, header_beam
from cubefocus.cube.celestial import pixel_arcsec
from cubefocus.cube.scale import SIGMA_TO_FWHM, gaussian_moments
from cubefocus.errors import CubefocusError
from cubefocus.find.interface import EIGHT_CONNECTED
from cubefocus.find.registry import get_entry
from cubefocus.resolve.plane import read_plane
from cubefocus.specs import CONTINUUM_FINDERS
from cubefocus.tables.columns import BOX

logger = logging.getLogger(__name__)

TRUE, RESOLVE, FIT = "true", "resolve", "fit"
ISLANDS = ("threshold", "blobcat")  # finders whose boxes are those of islands, down to the noise
HALF = math.sqrt(2.0 * math.log(2.0))  # standard deviations at which a Gaussian is half of its maximum
SIGMAS = 5.0  # of the noise, that a source exceeds
NAMES = ("x", "y", *BOX)


def sky_boxes(catalogue: Table, axes: Sequence[str], beam: Beam, cell_arcsec: float, shape: tuple[int, int]) -> Table:
    """Places and boxes of Gaussians on the sky.

    Parameters
    ----------
    catalogue : Table
        With ``x``, ``y`` in pixels from 0.
    axes : sequence of str
        Its columns of major and minor FWHM in arcsec and position angle in deg, north through east.
    beam : Beam
        Which the sources are shown with.
    cell_arcsec : float
    shape : tuple of int
        (y, x) of the image.

    Returns
    -------
    Table
        ``x y x0 y0 x1 y1``.
    """
    rows = []
    for one in catalogue:
        major, minor, angle = (float(one[name]) for name in axes)
        moments = gaussian_moments(major, minor, angle if math.isfinite(angle) else 0.0) + gaussian_moments(*beam)
        reach = 0.5 * SIGMA_TO_FWHM * np.sqrt(np.diag(moments)) / cell_arcsec
        x, y = float(one["x"]), float(one["y"])
        (x0, x1), (y0, y1) = (_side(*each) for each in zip((x, y), reach, shape[::-1], strict=True))
        rows.append((x, y, x0, y0, x1, y1))
    return _table(rows)


def _side(centre: float, reach: float, size: int) -> tuple[int, int]:
    """First pixel within the reach, and the one after the last, within the image; at least one pixel."""
    first, last = max(math.ceil(centre - reach), 0), min(math.floor(centre + reach) + 1, size)
    nearest = min(max(round(centre), 0), size - 1)
    return (first, last) if first < last else (nearest, nearest + 1)


def found_boxes(finder: str, image: np.ndarray, beam_px: float) -> Table:
    """Places and boxes of what a finder finds in a cleaned image of even noise.

    Parameters
    ----------
    finder : str
        One of `CONTINUUM_FINDERS`.
    image : ndarray, shape (y, x)
        NaN where it was not imaged.
    beam_px : float
        FWHM of the beam, geometric mean of its axes.

    Raises
    ------
    CubefocusError
        If the finder fails.
    """
    settings: dict[str, dict[str, Any]] = {
        "threshold": {"threshold": SIGMAS, "min_pixels": max(1, round(beam_px))},
        "blobcat": {"detection": SIGMAS, "flooding": 0.8 * SIGMAS, "mesh": max(60, round(8.0 * beam_px))},
        "bdsf": {"thresh_pix": SIGMAS, "thresh_isl": 3.0, "extent": HALF, "beam": beam_px},
        "aegean": {"innerclip": SIGMAS, "outerclip": 0.8 * SIGMAS, "smoothing": 0.0, "extent": HALF,
                   "max_summits": 10, "beam": beam_px},
    }  # fmt: skip
    found = get_entry(finder).find(image, settings[finder])
    if finder in ISLANDS:
        return _table([_above_half(image, [int(one[name]) for name in BOX]) for one in found])
    return _table([tuple(one[name] for name in NAMES) for one in found])


def _above_half(image: np.ndarray, box: Sequence[int]) -> tuple[float, ...]:
    """Centre of brightness and box of the part of an island about its peak that is above half of it."""
    x0, y0, x1, y1 = box
    patch = np.nan_to_num(image[y0:y1, x0:x1])
    labels, _ = ndimage.label(patch > 0.5 * patch.max(), EIGHT_CONNECTED)
    inside = labels == labels[np.unravel_index(np.argmax(patch), patch.shape)]
    ((rows, columns),) = ndimage.find_objects(inside.astype(int))
    y, x = ndimage.center_of_mass(np.where(inside, patch, 0.0))
    return x0 + x, y0 + y, x0 + columns.start, y0 + rows.start, x0 + columns.stop, y0 + rows.stop


def _table(rows: Sequence[Sequence[Any]]) -> Table:
    values = np.array(rows, dtype=float).reshape(-1, len(NAMES))
    return Table({name: column.astype(int if name in BOX else float)
                  for name, column in zip(NAMES, values.T, strict=True)})  # fmt: skip


def detect(
    truth: Table, fitted: Table, catalogue: Table, clean: str, primary_beam: np.ndarray, cube_id: int
) -> tuple[Table, Mapping[str, str]]:
    """What each method detects in a sky.

    Parameters
    ----------
    truth, fitted : Table
        Columns ``x y major_arcsec minor_arcsec pa_deg``.
    catalogue : Table
        Of RESOLVE: ``x y major minor position_angle``.
    clean : str
        FITS image of CLEAN with natural weights, corrected for the primary beam.
    primary_beam : ndarray, shape (y, x)
    cube_id : int
        Number of the sky.

    Returns
    -------
    found : Table
        ``method cube_id x y x0 y0 x1 y1``; of the method ``true`` what there is to be found.
    notes : mapping
        Of a finder that is not installed, what is missing.

    Raises
    ------
    CubefocusError
        If the image cannot be read or has no beam, or a finder fails.
    """
    image, header = read_plane(clean)
    beam = header_beam(header)
    if beam is None:
        raise CubefocusError(f"{clean}: has no beam (BMAJ, BMIN, BPA); give an image that tclean restored")
    cell = pixel_arcsec(header)
    ours, theirs = ("major_arcsec", "minor_arcsec", "pa_deg"), ("major", "minor", "position_angle")
    given = {TRUE: (truth, ours), FIT: (fitted, ours), RESOLVE: (catalogue, theirs)}
    shape = (image.shape[0], image.shape[1])
    found = {name: sky_boxes(table, axes, beam, cell, shape) for name, (table, axes) in given.items()}
    notes, even = {}, np.where(np.isfinite(image), image * primary_beam, np.nan)
    for finder in CONTINUUM_FINDERS:
        if lacks := get_entry(finder).lacks:
            notes[finder] = lacks
            continue
        found[finder] = found_boxes(finder, even, math.sqrt(beam[0] * beam[1]) / cell)
        logger.info("%s: %d sources", finder, len(found[finder]))
    tables = [_named(table, name, cube_id) for name, table in found.items()]
    return vstack(tables), notes


def _named(table: Table, method: str, cube_id: int) -> Table:
    """With its method and sky in front."""
    table.add_columns([np.full(len(table), method, dtype="U16"), np.full(len(table), cube_id, dtype=np.int64)],
                      indexes=[0, 0], names=["method", "cube_id"])  # fmt: skip
    return table
