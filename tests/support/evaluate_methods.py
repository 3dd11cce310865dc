"""Synthetic truth and what eight methods of different skill find of it."""

from __future__ import annotations

import numpy as np
from astropy.table import Table, vstack
from evaluate_catalogues import catalogue, square

from cubefocus.report.rates import blendness_by_cube

NAMES = ("chain", "blobs_finder", "decoras", "blobcat", "smooth_and_clip", "tclean", "bdsf", "aegean")


def truth_of(n_cubes: int) -> Table:
    """Five sources a cube, some of them blended, with lognormal SNR and a flux that follows it."""
    rng = np.random.default_rng(0)
    rows = [square(cube, *rng.integers(0, 60, 2), side=int(rng.integers(6, 14)))
            for cube in range(n_cubes) for _ in range(5)]  # fmt: skip
    snr = rng.lognormal(2.2, 0.6, len(rows))
    table = catalogue(rows, snr=snr, flux=snr * rng.lognormal(-5.5, 0.3, len(rows)))
    table["blendness"] = blendness_by_cube(table)
    return table


def found_by(true: Table, number: int) -> Table:
    """What method `number` finds: the higher the number, the more faint and blended sources it misses."""
    rng = np.random.default_rng(number + 1)
    likely = 1.0 / (1.0 + np.exp(-(true["snr"] - 3.0 - 0.8 * number))) * (1.0 - 0.1 * number * true["blendness"])
    found = true[rng.uniform(size=len(true)) < likely]["cube_id", "x0", "y0", "x1", "y1", "snr"]
    false = found[rng.uniform(size=len(found)) < 0.03 * (number + 1)]
    for name in ("x0", "x1"):
        false[name] = false[name] + 200
    false["snr"] = rng.lognormal(1.3, 0.3, len(false))
    return vstack([found, false])
