"""Visibilities of a few Gaussians, summed directly from their transforms, and posteriors drawn about a truth."""

from __future__ import annotations

import numpy as np
from astropy.io import fits
from astropy.table import Table

from cubefocus.resolve.posterior import Posterior
from cubefocus.resolve.visibilities import Visibilities, Window

SPEED_OF_LIGHT = 299792458.0
FREQUENCY_HZ, CELL_ARCSEC, SIZE = 230e9, 0.2, 64
ARCSEC = np.pi / 180.0 / 3600.0


def continuum_header(size: int = SIZE, cell_arcsec: float = CELL_ARCSEC) -> fits.Header:
    """Of an image about a phase centre near the equator."""
    header = fits.Header()
    header["SIMPLE"], header["BITPIX"], header["NAXIS"] = True, -64, 2
    header["NAXIS1"] = header["NAXIS2"] = size
    for axis, name, value, step in ((1, "RA---SIN", 60.0, -1.0), (2, "DEC--SIN", -35.0, 1.0)):
        header[f"CTYPE{axis}"], header[f"CUNIT{axis}"] = name, "deg"
        header[f"CRVAL{axis}"], header[f"CRPIX{axis}"] = value, size // 2 + 1.0
        header[f"CDELT{axis}"] = step * cell_arcsec / 3600.0
    return header


def true_components(rows: list[tuple[float, ...]], size: int = SIZE, cell_arcsec: float = CELL_ARCSEC) -> Table:
    """Truth of components given as (x, y, peak, major, minor, pa)."""
    table = Table(rows=rows, names=("x", "y", "peak", "major_arcsec", "minor_arcsec", "pa_deg"))
    table["flux"] = np.pi / (4.0 * np.log(2.0)) * table["peak"] * table["major_arcsec"] * table["minor_arcsec"]
    table["component"] = np.arange(1, len(table) + 1)
    return table


def sky_of(truth: Table, size: int = SIZE, cell_arcsec: float = CELL_ARCSEC) -> np.ndarray:
    """Brightness of the components at the centres of the pixels."""
    y, x = np.mgrid[:size, :size]
    sky = np.zeros((size, size))
    for row in truth:
        angle = np.radians(row["pa_deg"])
        east, north = -(x - row["x"]) * cell_arcsec, (y - row["y"]) * cell_arcsec
        along, across = (
            east * np.sin(angle) + north * np.cos(angle),
            east * np.cos(angle) - north * np.sin(angle),
        )
        form = (along / row["major_arcsec"]) ** 2 + (across / row["minor_arcsec"]) ** 2
        sky += row["peak"] * np.exp(-4.0 * np.log(2.0) * form)
    return sky


def observed(truth: Table, noise_jy: float, seed: int, rows: int = 300) -> Visibilities:
    """What random baselines up to 150 m see of the components: their analytic transforms and noise."""
    places = np.random.default_rng(77)  # the same baselines whatever the noise
    uv = places.normal(0.0, 60.0, (rows, 2)).clip(-150.0, 150.0)
    u, v = uv.T * FREQUENCY_HZ / SPEED_OF_LIGHT
    told = np.zeros(rows, dtype=complex)
    for one in truth:
        angle = np.radians(one["pa_deg"])
        east, north = -(one["x"] - SIZE // 2) * CELL_ARCSEC * ARCSEC, (one["y"] - SIZE // 2) * CELL_ARCSEC * ARCSEC
        along = (u * np.sin(angle) + v * np.cos(angle)) * one["major_arcsec"] * ARCSEC
        across = (u * np.cos(angle) - v * np.sin(angle)) * one["minor_arcsec"] * ARCSEC
        fall = np.exp(-(np.pi**2) / (4.0 * np.log(2.0)) * (along**2 + across**2))
        told += one["flux"] * fall * np.exp(2j * np.pi * (u * east + v * north))
    rng = np.random.default_rng(seed)
    told += noise_jy * (rng.normal(size=rows) + 1j * rng.normal(size=rows))
    window = Window(
        FREQUENCY_HZ, told, np.full(rows, noise_jy**-2), np.column_stack([uv, np.zeros(rows)]),
        np.zeros(rows, dtype=int), np.ones(rows, dtype=int), np.zeros(rows), np.ones((SIZE, SIZE)),
    )  # fmt: skip
    return Visibilities((window,), continuum_header())


def posterior_about(centre: np.ndarray, spread: np.ndarray, number: int, seed: int) -> Posterior:
    """Samples that are independent in each pixel about an image of Jy/arcsec^2."""
    rng = np.random.default_rng(seed)
    size = centre.shape[0]
    wavenumbers = np.linspace(0.0, 2.0, 16)
    course = {"round": [0, 1], "energy": [5e3, 1e3], "reduced_chi2": [4.0, 1.0], "change": [3.0, 0.2]}
    costs = {"seconds": [1.0, 1.5], "cpu_seconds": [1.0, 1.4], "samples": [4, 8], "method": ["geovi", "geovi"]}
    rounds = Table({**course, **costs})
    return Posterior(
        centre + spread * rng.standard_normal((number, size, size)), wavenumbers,
        np.exp(rng.normal(0.0, 0.1, (number, wavenumbers.size))) / (1.0 + wavenumbers) ** 2,
        {"zero_mode": rng.normal(1.0, 0.1, number), "fluctuations": rng.normal(4.0, 0.2, number)},
        rounds, continuum_header(size), facts={"converged": True, "verdict": "it converged", "seed": 1},
    )  # fmt: skip
