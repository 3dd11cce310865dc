"""What each source of a search has for itself: its spectrum, the part of the cube around it, and a card.

The spectrum is that of `cubefocus.alma.aperture`: the sum over an aperture around the source, less what the fit gives
to the others there, over what a source of 1 Jy with the fitted shape amounts to in it. So it is in Jy on the sky,
behind neither beam, and holds what the cube holds, whatever the model of its spectrum.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from astropy.table import Row, Table

from cubefocus.alma.aperture import Spectrum, aperture_spectra
from cubefocus.alma.catalogue import build_table, rest_frequency_of
from cubefocus.alma.fit_images import spectra_of, window_images
from cubefocus.alma.fitted import KM_S
from cubefocus.cube.cube import Cube
from cubefocus.cube.cutouts import channel_sum, clip_box
from cubefocus.fit.fitted import Fitted
from cubefocus.search.describe import COLUMNS as OF_SEARCH
from cubefocus.search.describe import FROM_VOXELS, Described
from cubefocus.tables.columns import BOX, define

MARGIN = 1.0  # of the size of a source's box, and beams, around it in the part of the cube that is cut out
AROUND = 2.0  # widths of the line on both sides of its centre that are cut out besides its range
COLUMNS = tuple(
    define(name, text)
    for name, text in (
        ("channel", None),
        ("frequency", "of the channel"),
        ("velocity", "radio velocity of the channel for the given rest frequency, else that of the cube's header"),
        ("flux_density", None),
        ("flux_density_err", None),
        ("flux_density_model", None),
    )
)


@dataclass(frozen=True, eq=False)
class Portrait:
    """A source by itself.

    Attributes
    ----------
    source_id : int
    spectrum : Table
        One row a channel, columns `COLUMNS`.
    cube : Cube
        The part of the cube around it.
    image, model : ndarray, shape (y, x)
        Sum over its line's channels of the data, and of the fit of all sources, Jy/beam x channel; of all channels for
        a source without a line.
    box : (x0, y0, x1, y1)
        Its box in these images, half-open.
    channels : (first, last)
        That were summed.
    is_fitted : bool
        Whether its values are those of the fit; else they are sums over its voxels, and the model is not that of it.
    """

    source_id: int
    spectrum: Table
    cube: Cube
    image: np.ndarray
    model: np.ndarray
    box: tuple[int, int, int, int]
    channels: tuple[int, int]
    is_fitted: bool = True


def portraits_of(described: Sequence[Described], rest_frequency_ghz: float | None = None) -> list[Portrait]:
    """What each source of a restored cube has for itself, window by window.

    Parameters
    ----------
    described : sequence of Described
    rest_frequency_ghz : float, optional
        Of the line; that of the header if left out.

    Returns
    -------
    list of Portrait
        In the order of the catalogue.
    """
    found: list[Portrait] = []
    for one in described:
        part, rows = one.window.of(one.cube), build_table(OF_SEARCH, one.rows)
        found += portraits(part, rows, one.fitted, one.components, one.place, rest_frequency_ghz)
    return sorted(found, key=lambda portrait: portrait.source_id)


def portraits(
    cube: Cube,
    catalogue: Table,
    fitted: Fitted,
    numbers: Sequence[int],
    place: np.ndarray | None = None,
    rest_frequency_ghz: float | None = None,
) -> list[Portrait]:
    """Spectrum, part of the cube and images of each source.

    Parameters
    ----------
    cube : Cube
        Jy/beam.
    catalogue : Table
        Its sources.
    fitted : Fitted
    numbers : sequence of int
        Which source of the fit each row is.
    place : ndarray, shape (y, x), optional
        What the cube was divided by before the fit.
    rest_frequency_ghz : float, optional
        Of the line; that of the header if left out.

    Returns
    -------
    list of Portrait
        In the order of the catalogue.
    """
    boxes = np.array([[row[name] for name in BOX] for row in catalogue], dtype=int).reshape(-1, 4)
    data = cube.data if place is None else (cube.data / place).astype(np.float32)
    spectra = aperture_spectra(data, fitted, numbers, boxes)
    rest = rest_frequency_of(cube) if rest_frequency_ghz is None else rest_frequency_ghz
    return [
        _portrait(cube, row, box, fitted, spectrum, place, rest)
        for row, box, spectrum in zip(catalogue, boxes, spectra, strict=True)
    ]


def _portrait(
    cube: Cube,
    row: Row,
    box: np.ndarray,
    fitted: Fitted,
    spectrum: Spectrum,
    place: np.ndarray | None,
    rest_ghz: float | None,
) -> Portrait:
    n_channels = len(cube.data)
    margin = math.ceil(MARGIN * max(float(np.mean(fitted.scene.beam.fwhm)), *(box[2:] - box[:2]).tolist()))
    left, top, right, bottom = clip_box(box + margin * np.array([-1, -1, 1, 1]), cube.data.shape[1:])
    first, last = _channels(row, n_channels)
    around = _widened(row, first, last, n_channels)
    images = window_images(fitted, np.arange(top, bottom), np.arange(left, right))
    totals = spectra_of(fitted)[:, first : last + 1].sum(axis=1)
    model = np.tensordot(totals, images, axes=1)
    if place is not None:
        model = model * place[top:bottom, left:right]
    header = cube.header.copy()
    for axis, start in ((1, left), (2, top), (3, around[0])):
        if f"CRPIX{axis}" in header:
            header[f"CRPIX{axis}"] -= start
    part = slice(around[0], around[1] + 1), slice(top, bottom), slice(left, right)
    return Portrait(
        int(row["source_id"]),
        _table(cube, spectrum, rest_ghz),
        Cube(cube.data[part].copy(), header),
        channel_sum(cube.data[first : last + 1, top:bottom, left:right]),
        model,
        (int(box[0] - left), int(box[1] - top), int(box[2] - left), int(box[3] - top)),
        (first, last),
        FROM_VOXELS not in str(row["flags"]).split(";"),
    )


def _channels(row: Row, n_channels: int) -> tuple[int, int]:
    """First and last channel of a source's line; all for one without."""
    if not (math.isfinite(row["z0"]) and math.isfinite(row["z1"])):
        return 0, n_channels - 1
    first, last = max(0, math.floor(row["z0"] + 0.5)), min(n_channels - 1, math.floor(row["z1"] + 0.5))
    return min(first, n_channels - 1), max(last, 0, first)


def _widened(row: Row, first: int, last: int, n_channels: int) -> tuple[int, int]:
    if not math.isfinite(row["fwhm_z"]):
        return 0, n_channels - 1
    reach = math.ceil(AROUND * row["fwhm_z"])
    return max(0, first - reach), min(n_channels - 1, last + reach)


def _table(cube: Cube, spectrum: Spectrum, rest_ghz: float | None) -> Table:
    ghz = cube.frequencies_hz / 1e9
    velocity = KM_S * (1.0 - ghz / rest_ghz) if rest_ghz else np.full(len(ghz), np.nan)
    columns = np.stack([ghz, velocity, 1e3 * spectrum.flux, 1e3 * spectrum.error, 1e3 * spectrum.model], axis=1)
    names = [one.name for one in COLUMNS]
    return build_table(
        COLUMNS, [dict(zip(names, (number, *values), strict=True)) for number, values in enumerate(columns.tolist())]
    )
