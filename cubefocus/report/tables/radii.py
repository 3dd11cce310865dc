"""Flux of a disc within some radii by each method (ESO Table 4)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.table import Table
from scipy import ndimage

from cubefocus.report.published import DISC_RADII, DISC_RADII_STD, ESO, THIS_RUN
from cubefocus.report.tables.resolved import LABELS
from cubefocus.resolve.compared import RESOLVE
from cubefocus.resolve.components import RADII
from cubefocus.resolve.posterior import Posterior
from cubefocus.resolve.regions import flux_within

Image = tuple[np.ndarray, fits.Header]
MJY = 1e3
CAPTION = (
    "Flux within some radii of the centre of the disc: the centre of brightness of the pixels of the posterior "
    "mean above half of its maximum. Published rows are those of Sz114; their unit is not printed, and taken as mJy."
)


def radii_table(posterior: Posterior, tclean: Mapping[str, Image], sky: Image | None) -> Table:
    """Flux within `cubefocus.resolve.components.RADII`, with published rows at the end.

    Parameters
    ----------
    posterior : Posterior
    tclean : mapping of str to (ndarray (y, x), Header)
        Jy/arcsec^2, by weighting.
    sky : (ndarray (y, x), Header), optional
        True one.

    Returns
    -------
    Table
        A row a method; ``within_<radius>`` in mJy with its standard deviation over the samples.
    """
    centre = centre_of(posterior.mean)
    images: dict[str, Image] = {} if sky is None else {"true sky": sky}
    images |= {LABELS[name]: image for name, image in tclean.items()}
    rows = [_row(name, data[None], header, centre) for name, (data, header) in images.items()]
    rows.append(_row(LABELS[RESOLVE], posterior.samples, posterior.header, centre))
    for name, fluxes in DISC_RADII.items():
        row: dict[str, Any] = {"method": name, "source": ESO}
        errors = DISC_RADII_STD if name == LABELS[RESOLVE] else (math.nan,) * len(fluxes)
        for radius, flux, error in zip(RADII, fluxes, errors, strict=True):
            row |= {_column(radius): flux, f"{_column(radius)}_std": error}
        rows.append(row)
    table = Table(rows, meta={"caption": CAPTION, "label": "tab:radii"})
    for name in table.colnames[2:]:
        table[name].unit, table[name].info.format = "mJy", ".2f"
    return table


def centre_of(image: np.ndarray) -> tuple[float, float]:
    """(x, y) of the centre of brightness of the pixels above half of the maximum."""
    y, x = ndimage.center_of_mass(np.where(image > 0.5 * image.max(), image, 0.0))
    return float(x), float(y)


def _row(name: str, samples: np.ndarray, header: fits.Header, centre: tuple[float, float]) -> dict[str, Any]:
    row: dict[str, Any] = {"method": name, "source": THIS_RUN}
    for radius in RADII:
        fluxes = MJY * flux_within(samples, header, *centre, 2.0 * radius, 2.0 * radius, 0.0, factor=1.0)
        row[_column(radius)] = float(fluxes.mean())
        row[f"{_column(radius)}_std"] = float(fluxes.std(ddof=1)) if len(fluxes) > 1 else math.nan
    return row


def _column(radius: float) -> str:
    return f"within_{radius:g}_arcsec"
