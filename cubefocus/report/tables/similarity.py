"""How alike the maps of each network and the true sky are: mean SSIM and DSSIM (MNRAS Eq. 7-10)."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy.table import Table

from cubefocus.cube.cutouts import centre_crop, scale01
from cubefocus.errors import CubefocusError
from cubefocus.report import published
from cubefocus.report.published import THIS_RUN
from cubefocus.report.similarity import Similarity, map_similarity
from cubefocus.settings import EvaluationSettings
from cubefocus.stats.intervals import bootstrap_sums

COLUMNS = (
    "method", "source", "n_cubes", "mean_ssim", "mean_ssim_lo", "mean_ssim_hi", "mean_dssim", "mean_dssim_lo",
    "mean_dssim_hi", "note",
)  # fmt: skip


def similarity_table(
    maps: Mapping[str, Mapping[int, np.ndarray]],
    sky: Mapping[int, np.ndarray],
    settings: EvaluationSettings,
    seed: int = 0,
    size: int | None = None,
) -> Table:
    """How alike the maps of each network and the true sky are (MNRAS 5.1).

    Parameters
    ----------
    maps : mapping from network to mapping from cube id to ndarray, shape (y, x)
        In [0, 1].
    sky : mapping from cube id to ndarray, shape (y, x)
        Integrated sky images of all test cubes, in any unit; NaN counts as no flux.
    settings : EvaluationSettings
    seed : int
        Of the bootstrap; the interval of a row does not depend on which other rows there are.
    size : int, optional
        Side of the central part that is compared, such as the one that the networks see: where a map is 0 because no
        network looked there it would be like an empty sky. All of the image if None or if it is smaller. The sky is
        scaled to [0, 1] in the part.

    Returns
    -------
    astropy.table.Table
        One row a network, followed by its published row, then the other published rows. Mean SSIM and DSSIM carry
        intervals of a bootstrap over cubes (``_lo``, ``_hi``), NaN with fewer than two.

    Raises
    ------
    CubefocusError
        If a network has no map of a cube, or as `map_similarity`.
    """
    for method, own in maps.items():
        missing = sorted(set(sky) - set(own))
        if missing:
            raise CubefocusError(f"{method} has no map of cube {missing[0]}; compare networks on the same cubes")
    ssim = {method: np.empty(len(sky)) for method in maps}
    for i, cube in enumerate(sorted(sky)):
        true = _part(sky[cube], size)
        for method, own in maps.items():
            ssim[method][i] = map_similarity(_part(own[cube], size, scaled=False), true).mean_ssim
    rows = []
    for method, values in ssim.items():
        rows.append(_row(method, Similarity(values), settings, seed))
        rows += [_published_row(p) for p in published.SIMILARITY if p.method == method]
    rows += [_published_row(p) for p in published.SIMILARITY if p.method not in maps]
    return _table(rows, size)


def _part(image: np.ndarray, size: int | None, scaled: bool = True) -> np.ndarray:
    """What of an image is compared, shape (1, y, x)."""
    if size is not None and size <= min(image.shape):
        image = centre_crop(image, size)
    part = np.nan_to_num(image)[np.newaxis]
    return scale01(part) if scaled else part


def _row(method: str, similar: Similarity, settings: EvaluationSettings, seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(np.random.SeedSequence([seed, zlib.crc32(method.encode())]))
    sums = np.column_stack([similar.ssim, np.ones(similar.ssim.size)])
    ends = (math.nan, math.nan)
    if similar.ssim.size:
        low, high = bootstrap_sums(_mean, sums, rng, settings.bootstrap, settings.interval)
        ends = (float(low), float(high))
    return {
        "method": method,
        "source": THIS_RUN,
        "n_cubes": similar.ssim.size,
        "mean_ssim": similar.mean_ssim,
        "mean_ssim_lo": ends[0],
        "mean_ssim_hi": ends[1],
        "mean_dssim": similar.mean_dssim,
        "mean_dssim_lo": (1.0 - ends[1]) / 2.0,
        "mean_dssim_hi": (1.0 - ends[0]) / 2.0,
        "note": "" if similar.ssim.size else "no cubes",
    }


def _mean(sums: np.ndarray) -> np.ndarray:
    return sums[:, 0] / sums[:, 1]


def _published_row(figures: published.Similarity) -> dict[str, Any]:
    ours = {"source": figures.source, "n_cubes": published.N_TEST_CUBES, "note": figures.note}
    values = {"mean_ssim": figures.mean_ssim, "mean_dssim": figures.mean_dssim}
    return {name: math.nan for name in COLUMNS} | {"method": figures.method} | ours | values


def _table(rows: list[dict[str, Any]], size: int | None) -> Table:
    table = Table({name: [row[name] for row in rows] for name in COLUMNS})
    for name in COLUMNS:
        if table[name].dtype.kind == "f":
            table[name].info.format = ".4f"
    part = "" if size is None else f" in the central {size} x {size} px"
    table.meta["caption"] = (
        f"Structural similarity (SSIM) and dissimilarity, DSSIM = (1 - SSIM) / 2, of the networks' maps and the true "
        f"sky{part}, averaged over the test cubes; intervals are a bootstrap over cubes. Where both are empty they are "
        "alike, so that the values depend on how much empty sky the images hold."
    )
    table.meta["label"] = "tab:similarity"
    return table
