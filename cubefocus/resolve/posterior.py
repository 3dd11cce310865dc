"""Samples of the posterior of an image, what was inferred with them, and how the inference went."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.table import Table

from cubefocus.resolve.stored import reading, writing

ARRAYS = ("samples", "wavenumbers", "power", "spectral_index", "baselines_m", "noise_factors")


@dataclass(frozen=True)
class Posterior:
    """What an inference leaves.

    Attributes
    ----------
    samples : ndarray, shape (sample, y, x)
        Sky brightness in Jy/arcsec^2, not attenuated by the primary beam.
    wavenumbers : ndarray, shape (k,)
        Cycles per arcsec, of the power spectrum.
    power : ndarray, shape (sample, k)
        Power spectrum of the logarithm of the sky, or of the sky itself where it may be negative.
    parameters : mapping of str to ndarray, shape (sample,)
        Parameters of the prior by their name in `cubefocus.resolve.parameters.PARAMETERS`.
    spectral_index : ndarray, shape (sample,) or (0,)
        Where there are several windows.
    baselines_m : ndarray, shape (bin + 1,) or (0,)
        Edges of the bins of baseline length that weights were learnt in.
    noise_factors : ndarray, shape (sample, bin)
        By what the noise in each is larger than the weights of the data say.
    rounds : Table
        A row for each round: ``round``, ``energy``, ``reduced_chi2``, ``change`` (of the mean, in standard deviations),
        ``noise_factor`` (of the stated noise), ``samples``, ``method``.
    header : Header
        Of the image: two celestial axes.
    facts : mapping
        ``converged`` (bool), ``verdict`` (a sentence), ``seed`` and settings as plain values.
    """

    samples: np.ndarray
    wavenumbers: np.ndarray
    power: np.ndarray
    parameters: Mapping[str, np.ndarray]
    rounds: Table
    header: fits.Header
    spectral_index: np.ndarray = field(default_factory=lambda: np.zeros(0))
    baselines_m: np.ndarray = field(default_factory=lambda: np.zeros(0))
    noise_factors: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def mean(self) -> np.ndarray:
        """Posterior mean, Jy/arcsec^2, shape (y, x)."""
        return self.samples.mean(axis=0)

    @property
    def deviation(self) -> np.ndarray:
        """Posterior standard deviation, Jy/arcsec^2, shape (y, x)."""
        return self.samples.std(axis=0, ddof=1)

    def save(self, path: str | Path) -> None:
        """Write an HDF5 file, whole or not at all; the same posterior gives the same bytes."""
        with writing(path, self.header, self.facts) as file:
            for name in ARRAYS:
                file.create_dataset(name, data=getattr(self, name), track_times=False)
            for group, columns in (("parameters", self.parameters), ("rounds", self.rounds.columns)):
                made = file.create_group(group)
                for name, values in columns.items():
                    text = np.asarray(values).dtype.kind == "U"
                    data = np.asarray(values).astype("S") if text else np.asarray(values)
                    made.create_dataset(name, data=data, track_times=False)

    @classmethod
    def load(cls, path: str | Path) -> Posterior:
        """Read what `save` wrote.

        Raises
        ------
        CubefocusError
            If the file is not there, not whole, or none of these.
        """
        with reading(path, "a whole posterior") as (file, header, facts):
            arrays = {name: file[name][()] for name in ARRAYS}
            parameters = {name: values[()] for name, values in file["parameters"].items()}
            rounds = Table({name: values[()] for name, values in file["rounds"].items()})
        rounds.convert_bytestring_to_unicode()
        return cls(header=header, parameters=parameters, rounds=rounds, facts=facts, **arrays)
