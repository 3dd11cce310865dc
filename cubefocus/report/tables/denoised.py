"""Tables of the denoising study: the methods over all images, in the reference fields, and by S/N; what they take."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from astropy.table import Table

from cubefocus.denoise.methods import SKY, UNTRAINED, label_of
from cubefocus.denoise.metrics import SNR_BINS
from cubefocus.denoise.scale import DIFFUSE
from cubefocus.denoise.scores import FAINT, SEPARATION, found_by_snr, named, of, reference_fields, separations
from cubefocus.report.published import DENOISED, DENOISING_TIMES, THIS_RUN

BRIGHT_SNR = 5.0  # of the brightest pixels of a field, on average, from which their dimming is no matter of the noise
NEAR = 400.0  # arcsec, over which curves of the correlation are compared
MEGA = 1e6

COLUMNS: dict[str, tuple[str | None, str]] = {
    "dataset": (None, "the images: the sky itself (identity), with noise, and as it was observed and imaged"),
    "source": (None, "this run, or where it is printed"),
    "images": (None, "number of test images"),
    "relative_error": (None, f"mean of |sky - image| / sky where the sky is above {DIFFUSE:g} Jy/arcsec2 (Eq. 7)"),
    "relative_error_faint": (None, f"the same where the sky has an S/N of {FAINT[0]:g} to {FAINT[1]:g}"),
    "mse": (None, "mean squared error of the logarithm, from 0 to 1 over the range of the sky (Eq. 3)"),
    "discrepancy": (
        None,
        "sum of the differences of the histograms of flux density, over the number of pixels (Eq. A1)",
    ),
    "dimming": (
        None,
        "share of the flux that the brightest pixels of the sky (evaluation.brightest) have lost",
    ),
    "n_bright": (None, f"images whose brightest pixels have a mean S/N above {BRIGHT_SNR:g}: dimming is theirs alone"),
    "completeness": (None, "share of the pixels with emission that the method sees"),
    "purity": (None, "share of the pixels in which the method sees emission that have it"),
    "seam": (None, "largest step across a border of tiles over the noise, in the brightest image of the first batch"),
    "field": (
        None,
        "test image whose peak is nearest to the paper's: 1e-3 (cluster), 1e-5 Jy/arcsec2 (group)",
    ),
    "image": (None, "its number"),
    "bright_snr": (None, "mean S/N of the brightest pixels of the sky, whose dimming is given"),
    "correlation_0": (None, "normalised cross-correlation with the sky, without shift (Eq. 8)"),
    "correlation": (None, f"the same at a separation of {SEPARATION:g} arcsec"),
    "correlation_offset": (None, f"mean absolute difference from the sky's with itself, up to {NEAR:g} arcsec"),
    "above_filters": (None, "whether the correlation is above that of each filter and of the image as it is"),
    "trained_on": (None, "dataset that the network learnt from; times are of all images that it was given"),
    "megapixels": (None, "10^6 pixels of an image"),
    "tile": ("pix", "side of a tile, of which the middle is kept"),
    "tiles": (None, "of an image"),
    "threads": (None, "of the processor"),
    "per_tile": ("ms", "median over the images, with reading and writing"),
    "per_image": ("s", "the same of an image"),
    "per_megapixel": ("s", "the same of 10^6 pixels"),
    "cpu_per_megapixel": ("s", "seconds of the processor, of all threads"),
    "hardware": (None, "where it ran"),
}
"""Unit and meaning of each; that of a standard deviation has the name of its mean and ``_std``."""

MEANS = (
    "relative_error", "relative_error_faint", "mse", "discrepancy", "dimming", "completeness", "purity",
)  # fmt: skip
WHOLE = ("images", "n_bright", "tile", "tiles", "threads")  # numbers that what is printed does not have

FILTERS_SEE = "Filters see emission above a third of the noise, the autoencoder above 1e-7 Jy/arcsec2."


def denoised_table(scores: Table, seams: Table) -> Table:
    """Each method over all test images, with the published figures below those of this run.

    Parameters
    ----------
    scores : Table
        As `cubefocus.denoise.scores.read_scores` reads them.
    seams : Table
        Rows of `cubefocus.jobs.seams`.
    """
    scores = scores.copy(copy_data=False)
    scores["dimming"] = np.where(scores["bright_snr"] > BRIGHT_SNR, scores["dimming"], math.nan)
    rows = []
    for dataset, method, some in _methods(scores):
        seam = of(seams, dataset=dataset, method=method)["seam"]
        row = {"dataset": dataset, "method": label_of(method), "source": THIS_RUN, "images": float(len(some))}
        for name in MEANS:
            row[name], row[f"{name}_std"] = mean_of(some[name])
        row["n_bright"] = float(np.count_nonzero(some["bright_snr"] > BRIGHT_SNR))
        row["seam"] = float(seam[0]) if len(seam) else math.nan
        rows += [row, *_printed(row, dataset, method)]
    return _described(
        rows,
        "Methods to denoise, over all test images: mean and standard deviation, and what Gheller & Vazza (2022) print. "
        f"{FILTERS_SEE}",
    )


def _printed(ours: Mapping[str, Any], dataset: str, method: str) -> Iterator[dict[str, Any]]:
    """Rows of what is printed of a method."""
    for one in DENOISED:
        if (one.dataset, one.method) == (dataset, method):
            row = {name: value if isinstance(value, str) else math.nan for name, value in ours.items()}
            row |= {"source": one.source, "relative_error": one.relative_error}
            yield row | {"relative_error_std": one.relative_error_std}


def mean_of(column: Any) -> tuple[float, float]:
    """Mean and standard deviation over the images that have a value; NaN where none, or one, has."""
    values = np.asarray(column, dtype=float)
    held = values[np.isfinite(values)]
    return float(held.mean()) if held.size else math.nan, float(held.std(ddof=1)) if held.size > 1 else math.nan


def fields_table(scores: Table) -> Table:
    """Each method, and the sky itself, in the two reference fields."""
    near = separations(scores) <= NEAR
    rows = []
    for name, number in reference_fields(scores).items():
        for dataset in named(scores, "dataset"):
            by_method = {str(row["method"]): row for row in of(scores, dataset=dataset, image=number)}
            best, own = max(by_method[one]["correlation"] for one in UNTRAINED), by_method[SKY]["correlations"]
            for method, row in by_method.items():
                numbers = {
                    key: float(row[key]) for key in ("relative_error", "dimming", "correlation_0", "correlation")
                }
                offset = float(np.abs(row["correlations"] - own)[near].mean())
                above = "" if method in (SKY, *UNTRAINED) else "yes" if row["correlation"] > best else "no"
                facts = {"field": name, "dataset": dataset, "method": label_of(method), "image": number}
                facts |= {"bright_snr": float(row["bright_snr"]), **numbers}
                rows.append(facts | {"correlation_offset": offset, "above_filters": above})
    return _described(rows, "Methods to denoise, in a field with a cluster and in one with groups.")


def by_snr_table(scores: Table, what: str) -> Table:
    """Completeness or purity of each method in bins of S/N, a column each.

    Parameters
    ----------
    scores : Table
    what : {"completeness", "purity"}
    """
    bins = [f"{low:.2g} to {high:.2g}" for low, high in pairwise(SNR_BINS)]
    rows = [
        {"dataset": dataset, "method": label_of(method)}
        | dict(zip(bins, map(float, found_by_snr(some)[what]), strict=True))
        for dataset, method, some in _methods(scores)
    ]
    which = {"completeness": "with emission, by the S/N of the sky, that the method sees",
             "purity": "in which the method sees emission, by the S/N of its image, that have it"}  # fmt: skip
    return _described(rows, f"Share of the pixels of all test images {which[what]}; a column a bin. {FILTERS_SEE}")


def times_table(times: Table) -> Table:
    """What each network takes, with the published times below ours.

    Parameters
    ----------
    times : Table
        Rows of `cubefocus.jobs.denoise`, of all images.
    """
    rows = [
        _took(of(times, method=method, trained_on=dataset), method, dataset)
        for method in named(times, "method")
        for dataset in named(of(times, method=method), "trained_on")
    ]
    for one in DENOISING_TIMES:
        row = dict.fromkeys(rows[0], math.nan) | {"method": label_of(one.method), "trained_on": "", "tile": one.tile}
        row |= {"source": one.source, "megapixels": one.pixels / MEGA, "per_tile": 1e3 * one.seconds_per_tile}
        row |= {"per_image": one.seconds, "per_megapixel": one.seconds / one.pixels * MEGA}
        rows.append(row | {"hardware": one.hardware, "note": one.note})
    return _described(rows, "Time that networks take to denoise an image from file to file, and published ones.")


def _took(some: Table, method: str, trained_on: str) -> dict[str, Any]:
    """Row of a network."""
    taken = ("seconds", "cpu_seconds", "pixels", "tiles", "tile", "threads")
    seconds, cpu, pixels, tiles, tile, threads = (np.asarray(some[name], dtype=float) for name in taken)
    return {
        "method": label_of(method), "trained_on": trained_on, "source": THIS_RUN, "images": float(len(some)),
        "megapixels": float(np.median(pixels)) / MEGA, "tile": float(np.median(tile)),
        "tiles": float(np.median(tiles)), "threads": float(np.median(threads)),
        "per_tile": 1e3 * float(np.median(seconds / tiles)), "per_image": float(np.median(seconds)),
        "per_megapixel": MEGA * float(np.median(seconds / pixels)),
        "cpu_per_megapixel": MEGA * float(np.median(cpu / pixels)),
        "hardware": "; ".join(named(some, "hardware")), "note": "",
    }  # fmt: skip


def _methods(scores: Table) -> Iterator[tuple[str, str, Table]]:
    """Dataset, method and scores of each, without the sky itself."""
    for dataset in named(scores, "dataset"):
        for method in named(of(scores, dataset=dataset), "method"):
            if method != SKY:
                yield dataset, method, of(scores, dataset=dataset, method=method)


def _described(rows: list[dict[str, Any]], caption: str) -> Table:
    """A table with units and meanings of its columns."""
    table = Table(rows, meta={"caption": caption})
    for name in table.colnames:
        unit, meaning = COLUMNS.get(name, (None, ""))
        if unit:
            table[name].unit = unit
        if name in WHOLE:
            table[name].info.format = ".0f"
        table[name].info.description = meaning or None
    return table
