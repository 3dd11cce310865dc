"""How well each method restores the sky of each image: one row for each, as tables and figures read them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table, vstack

from cubefocus.denoise.compared import Compared, Made
from cubefocus.denoise.metrics import (
    SNR_BINS,
    brightest_flux,
    cross_correlation,
    dimming,
    discrepancy,
    flux_histogram,
    mean_relative_error,
    mean_squared_error,
    segmentation,
)
from cubefocus.denoise.scale import DIFFUSE, FLOOR, LogScale
from cubefocus.errors import CubefocusError
from cubefocus.files import read_table

FAINT = (0.3, 3.0)  # S/N of the pixels whose mean relative error is a column of its own
SEPARATION = 20.0  # arcsec, at which the correlation is given
FARTHEST = 800.0  # arcsec, where that of GV22's cluster field with itself has fallen to 0 (section 4.2)
FIELDS = {"cluster": 1e-3, "group": 1e-5}
"""Reference fields, and the peak in Jy/arcsec^2 of sky1 and sky2, those of GV22 (section 4.1)."""

CELL = "cell_arcsec"  # in the meta data: of a pixel, and of the steps of the correlations


def score(compared: Compared, number: int) -> list[dict[str, Any]]:
    """Scores of each method on an image.

    Parameters
    ----------
    compared : Compared
    number : int
        Of the image.

    Raises
    ------
    CubefocusError
        If it cannot be read.
    """
    sky, share = compared.sky(number), compared.settings.brightest
    facts = {"dataset": compared.dataset, "image": number, "sky_peak": float(np.nanmax(sky))}
    facts["bright_snr"] = brightest_flux(sky, share) / compared.noise
    return [
        facts | {"method": one.method, **scores_of(sky, one, compared.noise, share, compared.cell_arcsec)}
        for one in compared.made(number)
    ]


def scores_of(sky: np.ndarray, made: Made, noise: float, share: float, cell_arcsec: float) -> dict[str, Any]:
    """How well an image agrees with its sky.

    Parameters
    ----------
    sky : ndarray, shape (y, x)
        Jy/arcsec^2.
    made : Made
    noise : float
        Of a pixel, Jy/arcsec^2.
    share : float
        Of the brightest pixels whose dimming is measured.
    cell_arcsec : float
    """
    image, scale = made.image, LogScale.of(sky)
    found, curve = segmentation(sky, image, made.mask, noise), cross_correlation(sky, image, cell_arcsec, FARTHEST)
    return {
        "relative_error": mean_relative_error(sky, image, DIFFUSE),
        "relative_error_faint": mean_relative_error(sky, image, FAINT[0] * noise, FAINT[1] * noise),
        "mse": mean_squared_error(scale.apply(sky), scale.apply(image)),
        "discrepancy": discrepancy(sky, image) / sky.size,
        "correlation_0": curve.at(0.0),
        "correlation": curve.at(SEPARATION),
        "dimming": dimming(sky, image, share),
        "completeness": found.recall,
        "purity": found.precision,
        "completeness_by_snr": found.completeness,
        "purity_by_snr": found.purity,
        "emission_by_snr": found.emission,
        "chosen_by_snr": found.chosen,
        "histogram": flux_histogram(image),
        "correlations": curve.value,
    }


def read_scores(paths: Iterable[str | Path]) -> Table:
    """Scores of all batches and datasets in one table.

    Raises
    ------
    CubefocusError
        If a table cannot be read, or is of images of another size.
    """
    paths = [*paths]
    tables = [read_table(path) for path in paths]
    for path, table in zip(paths, tables, strict=True):
        if table["correlations"].shape[1] != tables[0]["correlations"].shape[1]:
            raise CubefocusError(f"{path}: is of images of another size than {paths[0]}; let Snakemake make both again")
    return vstack(tables, metadata_conflicts="silent")


def of(scores: Table, **facts: Any) -> Table:
    """Rows of some facts, such as ``dataset="noise", method="fft"``."""
    chosen = np.ones(len(scores), dtype=bool)
    for name, value in facts.items():
        chosen &= np.asarray(scores[name]) == value
    return scores[chosen]


def named(scores: Table, column: str) -> list[str]:
    """Datasets, or methods, in the order in which they first appear."""
    return [*dict.fromkeys(map(str, scores[column]))]


def reference_fields(scores: Table) -> dict[str, int]:
    """Numbers of the images of `FIELDS`, the same for all datasets and methods.

    Of all images those whose skies have the peaks that are the most like the paper's, by their ratio; not the brightest
    and the faintest one, which may be a cluster in front of all pixels, and a field in which nothing can be seen.
    """
    images, first = np.unique(np.asarray(scores["image"]), return_index=True)
    peaks = np.maximum(np.asarray(scores["sky_peak"], dtype=float)[first], FLOOR)
    return {name: int(images[np.argmin(np.abs(np.log(peaks / peak)))]) for name, peak in FIELDS.items()}


def found_by_snr(scores: Table) -> Mapping[str, np.ndarray]:
    """Completeness and purity in each bin of S/N over all pixels of the images of some rows.

    Returns
    -------
    mapping of str to ndarray, shape (n,)
        ``completeness`` and ``purity``, NaN in bins without pixels.
    """
    parts = {"completeness": "emission_by_snr", "purity": "chosen_by_snr"}
    return {name: pooled(scores[f"{name}_by_snr"], scores[counted]) for name, counted in parts.items()}


def pooled(shares: Any, counts: Any) -> np.ndarray:
    """Shares of the counts of several images, each of shape (image, bin), over the counts of all."""
    shares, counts = np.asarray(shares, dtype=float), np.asarray(counts, dtype=float)
    number, total = np.nansum(shares * counts, axis=0), counts.sum(axis=0)
    return np.divide(number, total, out=np.full(total.shape, math.nan), where=total > 0)


def separations(scores: Table) -> np.ndarray:
    """Those of the correlations of a table, arcsec."""
    return float(scores.meta[CELL]) * np.arange(scores["correlations"].shape[1])


def middle_of_snr() -> np.ndarray:
    """S/N in the middle of each bin, geometric."""
    return np.sqrt(SNR_BINS[1:] * SNR_BINS[:-1])
