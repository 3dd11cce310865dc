"""Synthetic truth, the limit of the noise for it, and what an estimator at that limit finds."""

from __future__ import annotations

import numpy as np
from astropy.table import Table
from evaluate_catalogues import catalogue, square

ERRORS = {
    "x": 0.1, "y": 0.1, "sigma_x": 0.1, "sigma_y": 0.3, "pa": 4.0, "z": 0.1, "fwhm_z": 0.25, "continuum_mjy": 0.2,
    "line_flux_jykms": 0.05,
}  # fmt: skip


def sources(n_cubes: int, rng: np.random.Generator) -> Table:
    """Five sources a cube, apart from each other, of axis ratios 1.5 to 2 with either axis first."""
    rows = [square(cube, 40 * number, 20) for cube in range(n_cubes) for number in range(5)]
    n = len(rows)
    short, turned = rng.uniform(2.0, 3.0, n), rng.uniform(size=n) < 0.5
    long = short * rng.uniform(1.5, 2.0, n)
    facts = {"source_id": np.tile(np.arange(5), n_cubes), "snr_image": rng.lognormal(2.2, 0.6, n)}
    facts |= {"x": np.array([row[1] + 4.5 for row in rows]), "y": np.full(n, 24.5)}
    facts |= {"sigma_x": np.where(turned, short, long), "sigma_y": np.where(turned, long, short)}
    facts |= {"pa": rng.uniform(0.0, 90.0, n), "z": np.full(n, 10.0), "fwhm_z": np.full(n, 4.0)}
    facts |= {"continuum_mjy": rng.uniform(2.0, 9.0, n), "line_flux_jykms": rng.uniform(1.0, 3.0, n)}
    return catalogue(rows, **facts, flux=rng.uniform(0.5, 1.0, n), blendness=np.zeros(n))


def limit(true: Table, rng: np.random.Generator) -> Table:
    """Errors of each source, of which some are measured three times better than others; rows in another order."""
    scale = rng.uniform(0.5, 1.5, len(true))
    table = Table({"cube_id": true["cube_id"], "source_id": true["source_id"]})
    for name, error in ERRORS.items():
        table[f"{name}_err"] = error * scale
    return table[rng.permutation(len(true))]


def at_limit(true: Table, bound: Table, rng: np.random.Generator, factor: float = 1.0) -> Table:
    """What an estimator finds whose errors are the limit times a factor; it states the limit itself."""
    rows = np.lexsort((bound["source_id"], bound["cube_id"]))
    found = true.copy()
    for name in ERRORS:
        error = np.asarray(bound[f"{name}_err"])[rows]
        found[name] = found[name] + factor * error * rng.normal(size=len(true))
        found[f"{name}_err"] = error
    found["z0"], found["z1"] = found["z"] - found["fwhm_z"], found["z"] + found["fwhm_z"]
    return found


def exchanged(found: Table, rows: np.ndarray) -> Table:
    """The same ellipses in their other description: widths exchanged, angle a quarter of a turn on."""
    other = found.copy()
    for end in ("", "_err"):
        for name, source in (("sigma_x", "sigma_y"), ("sigma_y", "sigma_x")):
            other[f"{name}{end}"][rows] = found[f"{source}{end}"][rows]
    other["pa"][rows] = (found["pa"][rows] + 90.0) % 180.0
    return other
