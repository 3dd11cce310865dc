"""What is written of a posterior: images, power spectrum, parameters of the prior, weights, residuals and rounds."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from astropy.io import fits
from astropy.table import Table

from cubefocus.cube.writing import write_cube
from cubefocus.denoise.skyfits import UNIT
from cubefocus.files import atomic_path, make_folder, write_table
from cubefocus.resolve.catalogue import catalogue
from cubefocus.resolve.parameters import OFFSET, PARAMETERS, SPECTRAL_INDEX, Parameter, recorded_prior
from cubefocus.resolve.posterior import Posterior
from cubefocus.resolve.predict import predicted_mean
from cubefocus.resolve.visibilities import Visibilities, resolution_arcsec, within_beam

WAY = "name another folder"
PARTIAL = ".products.partial"  # below the folder, where they are until all are whole
IMAGES = ("mean", "deviation", "relative_error", "samples")
TABLES = ("power_spectrum", "parameters", "weights", "rounds", "catalogue")
PRODUCTS = (*(f"{name}.fits" for name in IMAGES), *(f"{name}.ecsv" for name in TABLES), "residuals.h5")
"""Files that `write_all` makes."""
PERCENTILES = (16.0, 84.0)


def write_products(
    folder: str | Path, visibilities: Visibilities, posterior: Posterior, provenance: Mapping[str, Any]
) -> None:
    """Write all of them into a folder, or none: older ones are replaced when the last one is whole.

    ``mean.fits``, ``deviation.fits``, ``relative_error.fits``, ``samples.fits``, ``power_spectrum.ecsv``,
    ``parameters.ecsv``, ``weights.ecsv``, ``residuals.h5`` and ``rounds.ecsv``.

    Parameters
    ----------
    folder : path
    visibilities : Visibilities
        What the posterior was inferred from.
    posterior : Posterior
    provenance : mapping
        As made by `cubefocus.provenance.provenance`.

    Raises
    ------
    CubefocusError
        If the folder cannot be written into, or the disk is full.
    """
    with all_or_none(folder) as partial:
        fill(partial, visibilities, posterior, provenance)


def write_all(
    folder: str | Path, visibilities: Visibilities, posterior: Posterior, provenance: Mapping[str, Any]
) -> Table:
    """Write the products and ``catalogue.ecsv``, all or none; the parameters are those of `write_products`.

    Returns
    -------
    Table
        The catalogue, as of `cubefocus.resolve.catalogue.catalogue`.

    Raises
    ------
    CubefocusError
        If the folder cannot be written into, or the disk is full.
    """
    sources = catalogue(posterior, resolution_arcsec(visibilities), where=within_beam(visibilities))
    with all_or_none(folder) as partial:
        fill(partial, visibilities, posterior, provenance)
        write_table(partial / "catalogue.ecsv", sources, provenance)
    return sources


def fill(folder: Path, visibilities: Visibilities, posterior: Posterior, provenance: Mapping[str, Any]) -> None:
    """Write them one by one; the parameters are those of `write_products`."""
    _write_images(folder, posterior, provenance)
    tables = {
        "power_spectrum": power_spectrum(posterior),
        "parameters": parameters(posterior),
        "weights": weights(posterior),
        "rounds": rounds(posterior),
    }
    for name, table in tables.items():
        write_table(folder / f"{name}.ecsv", table, provenance)
    _write_residuals(folder / "residuals.h5", visibilities, posterior, provenance)


@contextmanager
def all_or_none(folder: str | Path) -> Iterator[Path]:
    """Give an empty folder to write into; its files are moved to ``folder`` when the block ends without an error.

    Raises
    ------
    CubefocusError
        If the folder cannot be written into.
    """
    folder = make_folder(folder, WAY)
    partial = folder / PARTIAL
    shutil.rmtree(partial, ignore_errors=True)  # of a run that was killed
    partial.mkdir()
    try:
        yield partial
        for path in sorted(partial.iterdir()):
            os.replace(path, folder / path.name)
    finally:
        shutil.rmtree(partial)


def _write_images(folder: Path, posterior: Posterior, provenance: Mapping[str, Any]) -> None:
    mean, deviation = posterior.mean, posterior.deviation
    relative = np.divide(deviation, mean, out=np.full_like(mean, np.nan), where=mean != 0)
    images = {
        "mean": (mean, UNIT, "posterior mean"),
        "deviation": (deviation, UNIT, "posterior standard deviation"),
        "relative_error": (relative, "", "posterior standard deviation over mean"),
        "samples": (posterior.samples, UNIT, "samples of the posterior, along the third axis"),
    }
    for name, (data, unit, text) in images.items():
        write_cube(folder / f"{name}.fits", data, _header(posterior, data.ndim, unit, text), provenance)


def _header(posterior: Posterior, axes: int, unit: str, text: str) -> fits.Header:
    """Celestial axes of the image, what it is, and whether the inference has converged."""
    header = posterior.header.copy()
    header["BUNIT"] = unit
    if axes == 3:
        for key, value in (("CTYPE3", "SAMPLE"), ("CRPIX3", 1.0), ("CRVAL3", 1.0), ("CDELT3", 1.0)):
            header[key] = value
    header["CONVERGD"] = (bool(posterior.facts["converged"]), "whether the inference has converged")
    header["NSAMPLES"] = (len(posterior.samples), "samples of the posterior")
    header.add_history(f"{text}, of {len(posterior.samples)} samples")
    header.add_history(f"inference: {posterior.facts['verdict']}")
    return header


def power_spectrum(posterior: Posterior) -> Table:
    """Power by wavenumber with its spread over the samples: ``k``, ``mean``, ``deviation``, ``low``, ``high``."""
    low, high = np.percentile(posterior.power, PERCENTILES, axis=0)
    power = posterior.power
    columns = [posterior.wavenumbers, power.mean(axis=0), power.std(axis=0, ddof=1), low, high]
    table = Table(columns, names=("k", "mean", "deviation", "low", "high"))
    table["k"].unit = "1 / arcsec"
    texts = (
        "cycles per arcsec",
        "mean of the power spectrum over the samples",
        "standard deviation over the samples",
        *(f"percentile {percentile:g} of the samples" for percentile in PERCENTILES),
    )
    return _described(table, texts)


def parameters(posterior: Posterior) -> Table:
    """Prior and posterior of each parameter, in the order of the report's tables; NaN for a prior not recorded."""
    prior, inferred = recorded_prior(posterior.facts), dict(posterior.parameters)
    known = {name: PARAMETERS[name] for name in PARAMETERS if name in inferred}
    if len(posterior.spectral_index):
        known["spectral_index"], inferred["spectral_index"] = SPECTRAL_INDEX, posterior.spectral_index
    rows = []
    if prior is not None:
        rows.append(_row("offset", OFFSET, (prior.offset, 0.0), np.full(2, prior.offset)))
    for name, parameter in known.items():
        assumed = (np.nan, np.nan) if prior is None else getattr(prior, parameter.setting)
        rows.append(_row(name, parameter, assumed, np.asarray(inferred[name])))
    return Table(rows)


def _row(name: str, parameter: Parameter, assumed: tuple[float, float], values: np.ndarray) -> dict[str, Any]:
    return {
        "name": name,
        "prior_mean": assumed[0],
        "prior_deviation": assumed[1],
        "posterior_mean": float(values.mean()),
        "posterior_deviation": float(values.std(ddof=1)),
        "unit": parameter.unit,
        "meaning": parameter.meaning,
    }


def weights(posterior: Posterior) -> Table:
    """By what the noise is larger than stated, in bins of baseline length; no rows where that was not inferred."""
    edges, factors = posterior.baselines_m, posterior.noise_factors
    bins = max(len(edges) - 1, 0)
    spread = factors.std(axis=0, ddof=1) if bins else np.zeros(0)
    mean = factors.mean(axis=0) if bins else np.zeros(0)
    table = Table([edges[:bins], edges[1 : bins + 1], mean, spread], names=("low_m", "high_m", "mean", "deviation"))
    table["low_m"].unit = table["high_m"].unit = "m"
    texts = ("shortest baseline", "longest baseline", "noise over that of the weights, mean over the samples",
             "standard deviation over the samples")  # fmt: skip
    return _described(table, texts)


def rounds(posterior: Posterior) -> Table:
    """How the inference went, with ``converged`` and ``verdict`` in the meta data."""
    table = posterior.rounds.copy()
    table.meta |= {"converged": bool(posterior.facts["converged"]), "verdict": str(posterior.facts["verdict"])}
    return table


def _described(table: Table, texts: tuple[str, ...]) -> Table:
    for name, text in zip(table.colnames, texts, strict=True):
        table[name].info.description = text
    return table


def _write_residuals(
    path: Path, visibilities: Visibilities, posterior: Posterior, provenance: Mapping[str, Any]
) -> None:
    """Observed less predicted visibilities, a group each window.

    ``residual`` in Jy, ``normalised`` in units of the noise that the weights state (real and imaginary part have a
    standard deviation of 1 where they are right), ``uvw_m``, ``weights``.
    """
    predicted = predicted_mean(visibilities, posterior.samples, posterior.spectral_index)
    with atomic_path(path) as partial, h5py.File(partial, "w") as file:
        file.attrs["provenance"] = json.dumps(provenance, sort_keys=True)
        for number, (window, seen) in enumerate(zip(visibilities.windows, predicted, strict=True)):
            residual = window.visibilities - seen
            columns = {
                "residual": residual,
                "normalised": residual * np.sqrt(window.weights),
                "uvw_m": window.uvw_m,
                "weights": window.weights,
            }
            group = file.create_group(f"window{number}")
            group.attrs["frequency_hz"] = window.frequency_hz
            for name, values in columns.items():
                group.create_dataset(name, data=values, track_times=False)
